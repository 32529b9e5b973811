"""Formats of Citrix."""
