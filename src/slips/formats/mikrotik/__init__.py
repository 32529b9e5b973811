"""Formats of MikroTik."""
