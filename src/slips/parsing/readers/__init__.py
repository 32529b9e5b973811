"""Readers: each cuts an object into records, and so numbers them."""
