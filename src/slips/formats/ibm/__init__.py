"""Formats of IBM."""
