"""Formats of Forcepoint."""
