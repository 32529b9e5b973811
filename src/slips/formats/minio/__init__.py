"""Formats of MinIO."""
