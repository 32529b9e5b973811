"""Logs of Redis and Valkey servers."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_LINE = r"(?P<time>\d{1,2} [A-Z][a-z][a-z] (?:\d{4} )?[0-9:.]+) (?P<level>[.*#-]) (?P<message>.*)"

# Redis 5 and later write the year, 2.8 and later the role. 'signal-handler' writes seconds since 1970.
REDIS = Patterns(
    "redis",
    "Redis and Valkey server logs",
    "https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/",
    time=stamp("time", "seconds"),
    tag="redis.server",
    message="{message}",
    patterns=(
        rf"(?P<pid>\d+):(?P<role>[XCSM]) {_LINE}",
        rf"(?:\[(?P<pid>\d+)\] )?{_LINE}",
        r"(?P<pid>\d+):(?P<role>signal-handler) \((?P<seconds>\d+)\) (?P<message>.*)",
    ),
    integers="pid seconds",
)
