"""Formats of Squid."""
