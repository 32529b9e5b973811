"""Formats of Pulumi."""
