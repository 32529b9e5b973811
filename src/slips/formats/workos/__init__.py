"""Formats of WorkOS."""
