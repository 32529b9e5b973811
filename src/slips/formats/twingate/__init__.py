"""Formats of Twingate."""
