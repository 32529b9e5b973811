"""Formats of Zendesk."""
