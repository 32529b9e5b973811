"""Formats of Vercel."""
