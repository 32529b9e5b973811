"""Formats of Island."""
