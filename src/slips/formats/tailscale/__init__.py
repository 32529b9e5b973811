"""Formats of Tailscale."""
