"""Formats of Wazuh."""
