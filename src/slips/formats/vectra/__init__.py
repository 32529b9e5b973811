"""Formats of Vectra AI."""
