"""Formats of Arista Networks."""
