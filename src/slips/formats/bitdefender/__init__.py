"""Formats of Bitdefender."""
