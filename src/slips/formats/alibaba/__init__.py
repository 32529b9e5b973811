"""Formats of Alibaba Cloud."""
