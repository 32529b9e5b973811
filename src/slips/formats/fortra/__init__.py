"""Formats of Fortra."""
