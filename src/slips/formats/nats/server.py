"""Logs of NATS servers."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_HEAD = r"\[(?P<pid>\d+)\] (?:(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+) )?\[(?P<level>[A-Z]{3})\] "
"""The text before a message; with `logtime: false` no time."""

NATS = Patterns(
    "nats",
    "NATS server logs, with the client of each message that has one",
    "https://docs.nats.io/running-a-nats-service/configuration/logging",
    tag="nats.{level}",
    time=stamp("time"),
    message="{message}",
    patterns=(
        rf"{_HEAD}(?P<client_ip>[0-9.]+|\[[0-9a-f:]+\]):(?P<client_port>\d+) - (?P<kind>[a-z]+):(?P<client_id>\d+) - "
        r"(?P<message>.*)",
        rf"{_HEAD}(?P<message>.*)",
    ),
    integers="pid client_port client_id",
    entities={"addresses": "client_ip"},
)
