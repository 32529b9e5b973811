"""Formats of OSSEC."""
