"""Formats of Suricata."""
