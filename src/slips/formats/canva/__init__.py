"""Formats of Canva."""
