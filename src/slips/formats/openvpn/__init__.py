"""Formats of OpenVPN."""
