"""Formats of Fluentd."""
