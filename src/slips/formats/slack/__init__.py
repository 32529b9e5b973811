"""Formats of Slack."""
