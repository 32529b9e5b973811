"""Formats of CrowdStrike."""
