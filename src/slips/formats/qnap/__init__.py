"""Formats of QNAP."""
