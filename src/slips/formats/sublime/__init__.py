"""Formats of Sublime Security."""
