"""Formats of OpenAI."""
