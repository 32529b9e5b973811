"""Formats of FileZilla."""
