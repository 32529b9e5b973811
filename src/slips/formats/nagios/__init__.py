"""Formats of Nagios."""
