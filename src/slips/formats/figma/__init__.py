"""Formats of Figma."""
