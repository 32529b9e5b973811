"""Formats of Ruby on Rails."""
