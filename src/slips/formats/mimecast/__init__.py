"""Formats of Mimecast."""
