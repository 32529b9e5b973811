"""Formats of Elastic."""
