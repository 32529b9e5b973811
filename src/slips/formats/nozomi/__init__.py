"""Formats of Nozomi Networks."""
