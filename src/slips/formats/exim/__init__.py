"""Formats of Exim."""
