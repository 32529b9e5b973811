"""Formats of Netlify."""
