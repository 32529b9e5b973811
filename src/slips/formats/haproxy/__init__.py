"""Formats of HAProxy."""
