"""Formats of WALLIX."""
