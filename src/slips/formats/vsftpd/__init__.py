"""Formats of vsftpd."""
