"""Formats of Amazon Web Services."""
