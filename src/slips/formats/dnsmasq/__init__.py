"""Formats of dnsmasq."""
