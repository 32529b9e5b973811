"""Formats of Fortinet."""
