"""Formats of Caddy."""
