"""Formats of Miro."""
