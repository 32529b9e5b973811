"""Formats of Zscaler."""
