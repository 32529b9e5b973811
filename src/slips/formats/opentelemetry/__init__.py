"""Formats of OpenTelemetry."""
