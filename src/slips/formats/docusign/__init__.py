"""Formats of Docusign."""
