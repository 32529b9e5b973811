"""Formats of ClickHouse."""
