"""Formats of OpenSMTPD."""
