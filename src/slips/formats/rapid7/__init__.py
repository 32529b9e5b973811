"""Formats of Rapid7."""
