"""Formats of SonicWall."""
