"""Formats of Oracle."""
