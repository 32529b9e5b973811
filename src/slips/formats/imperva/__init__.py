"""Formats of Imperva."""
