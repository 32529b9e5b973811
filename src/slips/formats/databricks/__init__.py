"""Formats of Databricks."""
