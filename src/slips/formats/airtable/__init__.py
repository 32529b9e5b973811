"""Formats of Airtable."""
