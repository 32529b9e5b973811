"""Formats of Fluent Bit."""
