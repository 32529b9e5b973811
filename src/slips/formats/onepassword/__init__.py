"""Formats of 1Password."""
