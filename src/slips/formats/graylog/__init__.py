"""Formats of Graylog."""
