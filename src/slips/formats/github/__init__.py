"""Formats of GitHub."""
