"""Formats of JumpCloud."""
