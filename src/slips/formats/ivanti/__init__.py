"""Formats of Ivanti."""
