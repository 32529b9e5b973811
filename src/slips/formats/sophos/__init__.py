"""Formats of Sophos."""
