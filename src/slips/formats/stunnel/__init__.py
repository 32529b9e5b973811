"""Formats of stunnel."""
