"""Formats of Cowrie."""
