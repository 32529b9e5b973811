"""Formats of Cybereason."""
