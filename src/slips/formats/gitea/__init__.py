"""Formats of Gitea."""
