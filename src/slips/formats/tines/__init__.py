"""Formats of Tines."""
