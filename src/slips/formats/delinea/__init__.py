"""Formats of Delinea, once Thycotic."""
