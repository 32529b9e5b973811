"""Logs of PgBouncer, the connection pooler of PostgreSQL."""

from __future__ import annotations

from slips.parsing import Patterns, iso

# Its levels, https://github.com/libusual/libusual/blob/master/usual/logging.c: other programs write INFO there, too.
_HEAD = (
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}(?: [A-Z]{3,4})?) (?:\[(?P<pid>\d+)\]|(?P<process_id>\d+)) "
    r"(?P<level>FATAL|ERROR|WARNING|LOG|DEBUG|NOISE) "
)

PGBOUNCER = Patterns(
    "pgbouncer",
    "PgBouncer logs: connections, logins, statistics",
    "https://www.pgbouncer.org/config.html",
    tag="pgbouncer.{level}",
    time=iso("time"),
    message="{message}",
    patterns=(
        rf"{_HEAD}(?P<side>[CS])-(?P<connection>0x[0-9a-f]+): (?P<database>[^/ ]+)/(?P<user>[^@ ]+)@"
        r"(?P<ip>[^ :\[]+|\[[^\]]*\]):(?P<port>\d+) (?P<message>.*)",
        rf"{_HEAD}(?P<message>.*)",
    ),
    integers="pid process_id port",
    entities={"addresses": "ip", "users": "user"},
)
