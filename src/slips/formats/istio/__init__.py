"""Formats of Istio."""
