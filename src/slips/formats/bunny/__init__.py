"""Formats of bunny.net."""
