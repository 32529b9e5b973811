"""Formats of Apereo."""
