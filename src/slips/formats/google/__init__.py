"""Formats of Google."""
