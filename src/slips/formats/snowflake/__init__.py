"""Formats of Snowflake."""
