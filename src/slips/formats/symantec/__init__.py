"""Formats of Symantec."""
