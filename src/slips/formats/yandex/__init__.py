"""Formats of Yandex Cloud."""
