"""Formats of Cisco Duo."""
