"""Formats of Carbon Black."""
