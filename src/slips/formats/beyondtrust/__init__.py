"""Formats of BeyondTrust."""
