"""Formats of Proofpoint."""
