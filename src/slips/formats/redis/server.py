"""Logs of Redis and Valkey servers."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

# Redis 5 and later write the year. Valkey 8.1 can write ISO 8601, or milliseconds since 1970.
_TIMES = (
    r"\d{1,2} [A-Z][a-z][a-z] (?:\d{4} )?[0-9:.]+",
    r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)",
    r"\d{13}",
)
_START = r"\d{1,10}:(?:[XCSM]|signal-handler) |\[\d{1,10}\] |\d{1,2} [A-Z][a-z][a-z] |pid=\d{1,10} "

# Redis 2.8 and later write the role. A signal handler writes seconds since 1970. The picture at the start, and reports
# of crashes, stand below a line.
REDIS = Patterns(
    "redis",
    "Redis and Valkey server logs, with the lines that belong together",
    "https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/",
    chain=({"multiline": {"start": _START}}, "redis"),
    time=stamp("time", "seconds"),
    tag="redis.server",
    message="{message}",
    patterns=(
        *(rf"(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>{time}) (?P<level>[.*#-]) (?P<message>.*)" for time in _TIMES),
        rf"(?:\[(?P<pid>\d+)\] )?(?P<time>{_TIMES[0]}) (?P<level>[.*#-]) (?P<message>.*)",
        r"(?P<pid>\d+):(?P<role>signal-handler) \((?P<seconds>\d+)\) (?P<message>.*)",
        r'pid=(?P<pid>\d+) role="?(?P<role>[^ "]+)"? timestamp="(?P<time>[^"]*)" level="?(?P<level>[a-z]+)"? '
        r'message="(?P<message>[^"]*)"?(?P<more>.+)?',
    ),
    integers="pid seconds",
)
