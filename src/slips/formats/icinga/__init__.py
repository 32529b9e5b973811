"""Formats of Icinga."""
