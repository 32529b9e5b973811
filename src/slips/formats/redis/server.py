"""Logs of Redis and Valkey servers."""

from __future__ import annotations

from slips.parsing import Regex, stamp

REDIS = Regex(
    "redis",
    "Redis and Valkey server logs",
    "https://redis.io/docs/latest/operate/oss_and_stack/management/debugging/",
    time=stamp("time"),
    tag="redis.server",
    message="{message}",
    pattern=(
        r"(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>\d{1,2} [A-Z][a-z][a-z] (?:\d{4} )?[0-9:.]+) "
        r"(?P<level>[.*#-]) (?P<message>.*)"
    ),
    integers="pid",
)
