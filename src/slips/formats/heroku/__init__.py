"""Formats of Heroku."""
