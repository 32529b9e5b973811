"""Logs of RabbitMQ nodes."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, moment, one_of


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time, which Erlang's own logger writes as `8-Mar-2026::14:09:27`, and set the tag by the level."""
    meta.timestamp = times.any_notation(event["time"].replace("::", " "), meta.timestamp, "time")
    event.setdefault("process", None)
    meta.tag = f"rabbitmq.{event['level'].lower()}"


_START = r"\d{4}(?:-\d\d-\d\d[ T]|\d{6,12}(?:\.\d+)? \[)|=[A-Z]++ REPORT==== |\{\"[a-z_]++\":"
_TIMES = (r"\d{4}-\d\d-\d\d[ T][^ ]+", r"\d{10,16}(?:\.\d+)?")
"""The notations of `log.file.formatter.time_format`: RFC 3339, with a blank or `T`, and seconds or microseconds."""

# RabbitMQ before 3.7 wrote reports of Erlang, whose text stands on the lines below.
RABBITMQ = one_of(
    "rabbitmq",
    "RabbitMQ node logs as text, with the lines that belong together, and as JSON",
    "https://www.rabbitmq.com/docs/logging",
    Json(
        "rabbitmq.json",
        "with the formatter 'json'",
        require=all_of("time", "level", any_of("msg", "pid", "domain")),
        time=moment("time"),
        tag="rabbitmq.{level}",
        message="{msg|'-'}",
    ),
    Patterns(
        "rabbitmq.text",
        "with the formatter 'plaintext'",
        tag="rabbitmq.{level}",
        message="{message}",
        patterns=(
            *(
                rf"(?P<time>{time}) \[(?P<level>[A-Za-z]+)\] (?:<(?P<process>[0-9.]+)> )?(?P<message>.*)"
                for time in _TIMES
            ),
            r"=(?P<level>[A-Z]+) REPORT==== (?P<time>\d{1,2}-[A-Z][a-z][a-z]-\d{4}::[0-9:.]+) ===\s+(?P<message>.*)",
        ),
        refine=_read_time,
    ),
    tag="rabbitmq.{level}",
    chain=({"multiline": {"start": _START}}, "rabbitmq"),
)
