"""Formats of PHP."""
