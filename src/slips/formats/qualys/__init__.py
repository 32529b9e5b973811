"""Formats of Qualys."""
