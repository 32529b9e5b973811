"""Formats of Argo."""
