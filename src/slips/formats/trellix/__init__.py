"""Formats of Trellix."""
