"""Formats of OpenStack."""
