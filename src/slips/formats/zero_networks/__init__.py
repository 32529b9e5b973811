"""Formats of Zero Networks."""
