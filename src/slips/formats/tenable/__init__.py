"""Formats of Tenable."""
