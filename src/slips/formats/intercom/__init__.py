"""Formats of Intercom."""
