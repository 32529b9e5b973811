"""Formats of Cato Networks."""
