"""Formats of Splunk."""
