"""Formats of F5."""
