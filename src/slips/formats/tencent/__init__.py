"""Formats of Tencent Cloud."""
