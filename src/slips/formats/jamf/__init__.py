"""Formats of Jamf."""
