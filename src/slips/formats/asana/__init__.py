"""Formats of Asana."""
