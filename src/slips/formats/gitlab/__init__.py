"""Formats of GitLab."""
