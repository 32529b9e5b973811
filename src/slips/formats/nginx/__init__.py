"""Formats of nginx."""
