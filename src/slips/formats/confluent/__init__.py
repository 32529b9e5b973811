"""Formats of Confluent."""
