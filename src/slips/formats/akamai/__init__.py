"""Formats of Akamai."""
