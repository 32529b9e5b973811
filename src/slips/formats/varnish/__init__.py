"""Formats of Varnish."""
