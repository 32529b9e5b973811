"""Formats of Falco."""
