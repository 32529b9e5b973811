"""Formats of Darktrace."""
