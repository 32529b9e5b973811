"""Formats of Ceph."""
