"""Formats of no vendor."""
