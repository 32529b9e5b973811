"""Formats of Redis."""
