"""Formats of Authelia."""
