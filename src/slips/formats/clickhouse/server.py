"""Logs of ClickHouse servers, clickhouse-server.log and its like: as text, and as JSON."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, moment, one_of, written

_REFERENCE = "https://clickhouse.com/docs/operations/server-configuration-parameters/settings#logger"
_START = r'\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d|\{"'
_QUERY = re.compile(
    r"\(from (?:::ffff:|\[)?([0-9a-fA-F.:]{2,45}?)\]?:(\d{1,5})(?:, user: ([^)]{0,200}))?\) ?(.*)", re.DOTALL
)


def _name_query(_meta: MetaData, event: Event) -> None:
    """Name the client, the user and the query of a message of `executeQuery`."""
    text = event.get("message")
    if isinstance(text, str) and (query := _QUERY.match(text)):
        event |= {"client_ip": query[1], "client_port": int(query[2])}
        event |= {"user": query[3]} if query[3] else {}
        event |= {"query": query[4]} if query[4] else {}


# The times of text are of the clock of the server: `timezone:` of the mapping says where it is.
CLICKHOUSE = one_of(
    "clickhouse",
    "ClickHouse server and Keeper: messages and queries, as text or JSON, with the lines that belong together",
    _REFERENCE,
    Patterns(
        "clickhouse.text",
        "lines of text",
        _REFERENCE,
        time=written("%Y.%m.%d %H:%M:%S.%f", "date_time"),
        tag="clickhouse.server",
        message="{level} {logger_name}: {message}",
        patterns=(
            r"(?P<date_time>\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d+) \[ (?P<thread_id>\d+) \] \{(?P<query_id>[^}]*)\} "
            r"<(?P<level>[A-Z][a-z]+)> (?P<logger_name>[^:]*): (?P<message>.*)",
        ),
        absent="",
        integers="thread_id",
        refine=_name_query,
    ),
    Json(
        "clickhouse.json",
        "lines of JSON",
        _REFERENCE,
        require=all_of("date_time", "logger_name", any_of("level", "message")),
        time=moment("date_time"),
        tag="clickhouse.server",
        message="{level|'-'} {logger_name}: {message|'-'}",
        integers="thread_id source_line",
        refine=_name_query,
    ),
    tag="clickhouse.server",
    chain=({"multiline": {"start": _START}}, "clickhouse"),
    entities={"addresses": "client_ip", "users": "user"},
)
