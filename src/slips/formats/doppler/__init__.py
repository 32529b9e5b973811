"""Formats of Doppler."""
