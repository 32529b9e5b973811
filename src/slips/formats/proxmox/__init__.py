"""Formats of Proxmox."""
