"""Formats of Santa."""
