"""Formats of Box."""
