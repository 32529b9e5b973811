"""Formats of Barracuda Networks."""
