"""Formats of Juniper Networks."""
