"""Formats of Armis."""
