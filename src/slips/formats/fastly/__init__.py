"""Formats of Fastly."""
