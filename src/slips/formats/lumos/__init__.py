"""Formats of Lumos."""
