"""Formats of NATS."""
