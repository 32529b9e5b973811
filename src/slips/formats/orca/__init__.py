"""Formats of Orca Security."""
