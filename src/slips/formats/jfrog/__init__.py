"""Formats of JFrog."""
