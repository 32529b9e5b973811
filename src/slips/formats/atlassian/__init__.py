"""Formats of Atlassian."""
