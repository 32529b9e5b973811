"""Formats of osquery."""
