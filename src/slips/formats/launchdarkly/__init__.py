"""Formats of LaunchDarkly."""
