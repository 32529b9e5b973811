"""Formats of CyberArk."""
