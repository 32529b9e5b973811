"""Formats of Check Point."""
