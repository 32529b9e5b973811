"""Formats of Thinkst Canary."""
