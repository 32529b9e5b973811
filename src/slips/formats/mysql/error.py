"""The error log of MySQL, MariaDB and Percona Server."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_SPACED = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)(\d\d)(\d\d)) ++(\d{1,2}:\d\d:\d\d)")


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time, of which MariaDB pads the hour with a blank, and old versions write two digits of the year."""
    time = event["time"]
    if spaced := _SPACED.fullmatch(time):
        year, month, day = spaced.group(1, 2, 3) if spaced[1] else (f"20{spaced[4]}", spaced[5], spaced[6])
        time = f"{year}-{month}-{day} {spaced[7]:0>8}"
    meta.timestamp = times.iso(time)


_TIME = r"(?P<time>\d{4}-\d\d-\d\dT[^ ]++|(?:\d{4}-\d\d-\d\d|\d{6}) ++\d{1,2}:\d\d:\d\d)"

MYSQL_ERROR = Patterns(
    "mysql-error",
    "error log of MySQL, MariaDB and Percona Server",
    "https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d[T ]|\d{6} "}}, "mysql-error"),
    tag="mysql.error",
    message="{level|'-'} {message}",
    patterns=(
        rf"{_TIME} (?P<thread>\d++) \[(?P<level>[A-Za-z]++)\] \[(?P<code>[A-Z]++-\d++)\] \[(?P<subsystem>[^\]]*+)\] "
        r"(?P<message>.*)",
        rf"{_TIME} (?P<thread>\d++) \[(?P<level>[A-Za-z]++)\] (?P<message>.*)",
        rf"{_TIME} \[(?P<level>[A-Za-z]++)\] (?P<message>.*)",
        rf"{_TIME} (?P<message>.*)",
    ),
    integers="thread",
    refine=_read_time,
)
