"""Formats of Wiz."""
