"""Formats of Zeek."""
