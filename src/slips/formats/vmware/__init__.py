"""Formats of VMware."""
