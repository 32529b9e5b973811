"""Formats of Cisco."""
