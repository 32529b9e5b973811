"""Formats of ESET."""
