"""Formats of Linux and the programs on it."""
