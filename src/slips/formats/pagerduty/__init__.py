"""Formats of PagerDuty."""
