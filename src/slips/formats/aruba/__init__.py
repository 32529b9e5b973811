"""Formats of HPE Aruba Networking."""
