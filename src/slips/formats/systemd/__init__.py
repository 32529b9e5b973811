"""Formats of systemd."""
