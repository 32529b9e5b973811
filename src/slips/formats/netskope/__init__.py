"""Formats of Netskope."""
