"""Formats of ISC."""
