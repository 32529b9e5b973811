"""Formats of Lacework."""
