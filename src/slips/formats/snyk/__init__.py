"""Formats of Snyk."""
