"""Formats of lighttpd."""
