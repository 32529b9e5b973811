"""Formats of NLnet Labs."""
