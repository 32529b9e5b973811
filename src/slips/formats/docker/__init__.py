"""Formats of Docker."""
