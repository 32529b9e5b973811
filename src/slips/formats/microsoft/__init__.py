"""Formats of Microsoft."""
