"""Formats of ModSecurity."""
