"""Formats of Workday."""
