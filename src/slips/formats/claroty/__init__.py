"""Formats of Claroty."""
