"""Formats of etcd."""
