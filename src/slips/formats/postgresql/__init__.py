"""Formats of PostgreSQL."""
