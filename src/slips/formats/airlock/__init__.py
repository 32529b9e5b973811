"""Formats of Airlock Digital."""
