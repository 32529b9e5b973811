"""Formats of rsyslog."""
