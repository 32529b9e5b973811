"""Formats of Apache."""
