"""Formats of HashiCorp."""
