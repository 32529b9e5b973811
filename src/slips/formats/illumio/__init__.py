"""Formats of Illumio."""
