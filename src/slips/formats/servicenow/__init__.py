"""Formats of ServiceNow."""
