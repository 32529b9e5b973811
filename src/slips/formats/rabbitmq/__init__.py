"""Formats of RabbitMQ."""
