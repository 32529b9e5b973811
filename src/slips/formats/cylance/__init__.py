"""Formats of Cylance."""
