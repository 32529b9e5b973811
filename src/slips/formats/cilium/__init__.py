"""Formats of Cilium."""
