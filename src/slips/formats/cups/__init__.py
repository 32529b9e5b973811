"""Formats of CUPS."""
