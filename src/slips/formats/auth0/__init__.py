"""Formats of Auth0."""
