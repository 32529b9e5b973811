"""Formats of AppOmni."""
