"""Formats of the Open Cybersecurity Schema Framework."""
