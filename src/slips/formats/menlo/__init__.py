"""Formats of Menlo Security."""
