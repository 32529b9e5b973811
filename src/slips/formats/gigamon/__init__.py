"""Formats of Gigamon."""
