"""Formats of ClamAV."""
