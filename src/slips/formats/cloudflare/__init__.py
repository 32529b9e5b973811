"""Formats of Cloudflare."""
