"""Formats of authentik."""
