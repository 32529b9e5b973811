"""Formats of Teleport."""
