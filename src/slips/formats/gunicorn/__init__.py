"""Formats of Gunicorn."""
