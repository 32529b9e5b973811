"""Formats of Fail2ban."""
