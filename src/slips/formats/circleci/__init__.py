"""Formats of CircleCI."""
