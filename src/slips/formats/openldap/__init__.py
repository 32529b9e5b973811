"""Formats of OpenLDAP."""
