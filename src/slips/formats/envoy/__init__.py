"""Formats of Envoy."""
