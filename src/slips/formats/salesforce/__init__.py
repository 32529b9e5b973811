"""Formats of Salesforce."""
