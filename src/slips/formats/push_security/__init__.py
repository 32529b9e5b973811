"""Formats of Push Security."""
