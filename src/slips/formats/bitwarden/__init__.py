"""Formats of Bitwarden."""
