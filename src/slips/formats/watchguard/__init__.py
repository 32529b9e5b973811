"""Formats of WatchGuard."""
