"""Formats of OpenJDK."""
