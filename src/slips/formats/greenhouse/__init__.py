"""Formats of Greenhouse."""
