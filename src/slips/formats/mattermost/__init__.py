"""Formats of Mattermost."""
