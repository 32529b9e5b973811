"""Formats of SentinelOne."""
