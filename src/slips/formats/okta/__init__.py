"""Formats of Okta."""
