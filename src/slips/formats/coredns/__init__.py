"""Formats of CoreDNS."""
