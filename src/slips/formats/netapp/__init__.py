"""Formats of NetApp."""
