"""Formats of FreeRADIUS."""
