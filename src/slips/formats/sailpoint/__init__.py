"""Formats of SailPoint."""
