"""Formats of Apache CouchDB."""
