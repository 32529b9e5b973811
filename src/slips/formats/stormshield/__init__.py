"""Formats of Stormshield."""
