"""Formats of Anthropic."""
