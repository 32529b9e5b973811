"""Formats of Dovecot."""
