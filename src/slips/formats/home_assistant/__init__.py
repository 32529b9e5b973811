"""Formats of Home Assistant."""
