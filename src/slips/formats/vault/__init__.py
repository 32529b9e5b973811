"""Formats of HashiCorp Vault."""
