"""Formats of Vaultwarden."""
