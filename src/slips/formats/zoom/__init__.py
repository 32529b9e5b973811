"""Formats of Zoom."""
