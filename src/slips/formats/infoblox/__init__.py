"""Formats of Infoblox."""
