"""Formats of Datadog."""
