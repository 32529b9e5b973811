"""Formats of Trend Micro."""
