"""Formats of Hako."""
