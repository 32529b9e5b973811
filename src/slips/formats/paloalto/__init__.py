"""Formats of Palo Alto Networks."""
