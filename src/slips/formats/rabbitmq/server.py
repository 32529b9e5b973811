"""Logs of RabbitMQ nodes."""

from __future__ import annotations

from slips.parsing import Regex, iso

RABBITMQ = Regex(
    "rabbitmq",
    "RabbitMQ node logs, with the lines that belong together",
    "https://www.rabbitmq.com/docs/logging",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d "}}, "rabbitmq"),
    time=iso("time"),
    tag="rabbitmq.{level}",
    message="{message}",
    pattern=r"(?P<time>\d{4}-\d\d-\d\d [^ ]+) \[(?P<level>[a-z]+)\] (?:<(?P<process>[0-9.]+)> )?(?P<message>.*)",
)
