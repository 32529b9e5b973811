"""Formats of Varonis."""
