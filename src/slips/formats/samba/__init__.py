"""Formats of Samba."""
