"""Formats of CockroachDB."""
