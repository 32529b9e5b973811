"""Formats of Postfix."""
