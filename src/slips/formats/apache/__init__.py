"""Formats of the Apache HTTP Server."""
