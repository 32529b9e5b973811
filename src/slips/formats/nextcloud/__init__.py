"""Formats of Nextcloud."""
