"""Formats of OneLogin."""
