"""Formats of LastPass."""
