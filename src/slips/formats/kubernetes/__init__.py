"""Formats of Kubernetes."""
