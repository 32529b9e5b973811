"""Formats of Nextron Systems."""
