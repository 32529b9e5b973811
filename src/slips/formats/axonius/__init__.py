"""Formats of Axonius."""
