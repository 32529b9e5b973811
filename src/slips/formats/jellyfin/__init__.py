"""Formats of Jellyfin."""
