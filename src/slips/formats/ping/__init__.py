"""Formats of Ping Identity."""
