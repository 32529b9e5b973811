"""Formats of Netgate."""
