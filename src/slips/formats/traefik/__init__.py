"""Formats of Traefik."""
