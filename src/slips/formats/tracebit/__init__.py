"""Formats of Tracebit."""
