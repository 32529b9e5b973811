"""Formats of Dropbox."""
