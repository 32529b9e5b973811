"""Formats of Apache Hadoop."""
