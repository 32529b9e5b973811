"""Formats of ProFTPD."""
