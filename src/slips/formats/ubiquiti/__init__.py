"""Formats of Ubiquiti."""
