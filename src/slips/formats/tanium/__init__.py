"""Formats of Tanium."""
