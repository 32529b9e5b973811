"""Logs of MongoDB servers: JSON since version 4.4, text before."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, iso, one_of, stamp

_REMOTE = re.compile(
    r"(?:connection accepted from|end connection|received client metadata from) ([0-9a-fA-F.:\[\]]+):(\d{1,5})(?= |\Z)"
)
_AUTHENTICATED = re.compile(
    r"(?:Successfully authenticated as principal|[A-Z0-9-]{1,40} authentication failed for|Failed to authenticate) "
    r"([^ @]+)(?:@([^ ]+)| on ([^ ]+))(?:.{0,200}? from client(?: address)? ([0-9a-fA-F.:\[\]]+):(\d{1,5}))?"
)


def _name_remote(_meta: MetaData, event: Event) -> None:
    """Name the client of a connection, and the user and database of an authentication."""
    text = event["message"][:1_024]
    if found := _REMOTE.match(text):
        event |= {"remote": found[1].strip("[]"), "remote_port": int(found[2])}
    elif found := _AUTHENTICATED.match(text):
        event |= {"user": found[1], "db": found[2] or found[3]}
        if found[4]:
            event |= {"remote": found[4].strip("[]"), "remote_port": int(found[5])}


MONGODB = one_of(
    "mongodb",
    "MongoDB server logs, as JSON (since 4.4) and as text",
    "https://www.mongodb.com/docs/manual/reference/log-messages/",
    Json(
        "mongodb.json",
        "structured logs",
        require=any_of(all_of("t", any_of("msg", "c", "s")), all_of("atype", "ts")),
        time=iso("t.$date", "ts.$date"),
        tag="mongodb.{c|atype|'log'}",
        message="{msg|atype|'-'}",
    ),
    Patterns(
        "mongodb.text",
        "text before 4.4",
        time=stamp("time"),
        tag="mongodb.{component|'log'}",
        message="{message}",
        patterns=(
            r"(?P<time>\d{4}-\d\d-\d\dT[^ ]+) (?P<severity>[DIWEF]\d?) +(?P<component>[A-Z_-]+) +"
            r"(?:\[(?P<context>[^\]]*)\] )?(?P<message>.*)",
            r"(?P<time>\d{4}-\d\d-\d\dT[^ ]+) \[(?P<context>[^\]]*)\] (?P<message>.*)",
            r"(?P<weekday>[A-Z][a-z][a-z]) (?P<time>[A-Z][a-z][a-z] +\d{1,2} [0-9:.]+) "
            r"\[(?P<context>[^\]]*)\] (?P<message>.*)",
            r"\*{5} (?P<message>SERVER RESTARTED) \*{5}(?P<more>.+)?",
        ),
        refine=_name_remote,
    ),
    tag="mongodb.{component}",
    entities={
        "addresses": "attr.remote attr.client remote.ip remote",
        "users": "attr.principalName attr.user user",
    },
)
