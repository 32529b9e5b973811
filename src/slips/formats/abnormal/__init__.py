"""Formats of Abnormal AI."""
