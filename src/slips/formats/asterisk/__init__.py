"""Formats of Asterisk."""
