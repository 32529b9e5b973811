"""Formats of Sysdig."""
