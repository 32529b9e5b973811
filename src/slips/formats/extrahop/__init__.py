"""Formats of ExtraHop."""
