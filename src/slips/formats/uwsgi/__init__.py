"""Formats of uWSGI."""
