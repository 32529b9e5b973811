"""Formats of Admin By Request."""
