"""Formats of Notion."""
