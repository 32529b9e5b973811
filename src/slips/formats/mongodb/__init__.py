"""Formats of MongoDB."""
