"""Formats of Keycloak."""
