"""Formats of Grafana."""
