"""Formats of Huawei."""
