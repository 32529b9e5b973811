"""Formats of Kong."""
