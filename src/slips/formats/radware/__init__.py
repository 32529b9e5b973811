"""Formats of Radware."""
