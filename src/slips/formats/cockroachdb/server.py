"""Logs of CockroachDB: its files in the formats crdb-v2 and crdb-v1, and JSON."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, epoch, one_of, written
from slips.parsing.json_text import load_json

_REFERENCE = "https://www.cockroachlabs.com/docs/stable/log-formats"
_HEAD = (
    r"(?P<severity>[IWEFD])(?P<time>\d{6} \d\d:\d\d:\d\d\.\d{1,6}) (?:(?P<goroutine>\d+) )?(?:(?P<channel>\d+)@)?"
    r"(?P<file>[^ :]+):(?P<line>\d+) "
)
# Tags, the number of the entry, and the mark of a structured entry or of a further line; crdb-v1 has tags alone.
_BODY = re.compile(r"\[((?:[^\]]|\][^ ])*)\] (?:(\d{1,18}) )?( |[=!+|])?(.*)", re.DOTALL)
_STRUCTURED = "Structured entry: "
_USER = re.compile(r"(?:[^,]*+,)*?user=([^,]*)")
_CLIENT = re.compile(r"(?:[^,]*+,)*?client=\[?([0-9a-fA-F.:]{2,45}?)\]?:(\d{1,5})(?:,|\Z)")


def _name_entry(meta: MetaData, event: Event) -> None:
    """Put a structured entry into the event as the object that it is, and name client and user of the tags."""
    if body := _BODY.fullmatch(event["message"]):
        event |= {"tags": None if body[1] == "-" else body[1]} | ({"counter": int(body[2])} if body[2] else {})
        event |= {"continuation": body[3]} if body[3] and body[3] != " " else {}
        event["message"] = body[4]
    tags, text = (event.get("tags") or "").replace("\u2039", "").replace("\u203a", ""), event["message"]
    meta.message = f"{event['severity']} {text}".rstrip()
    if user := _USER.match(tags):
        event["user"] = user[1]
    if client := _CLIENT.match(tags):
        event |= {"client_ip": client[1], "client_port": int(client[2])}
    entry = text.removeprefix(_STRUCTURED)
    if entry.startswith("{") and (event.get("continuation") == "=" or entry != text):
        try:
            event["event"] = load_json(entry.encode("utf-8", "surrogateescape"))
        except RecordError:  # of several lines, or cut off
            return


COCKROACHDB = one_of(
    "cockroachdb",
    "CockroachDB logs: crdb-v2 and crdb-v1, with structured events, and JSON",
    _REFERENCE,
    Patterns(
        "cockroachdb.text",
        "lines of text",
        _REFERENCE,
        time=written("%y%m%d %H:%M:%S.%f", "time"),
        tag="cockroachdb.server",
        patterns=(rf"{_HEAD}(?P<redactable>\u22ee)? ?(?P<message>.*)",),
        integers="goroutine channel line",
        refine=_name_entry,
    ),
    Json(
        "cockroachdb.json",
        "lines of JSON",
        _REFERENCE,
        require=any_of(
            all_of("timestamp", "severity", any_of("channel", "goroutine"), any_of("message", "event")),
            all_of("t", any_of("s", "sev"), "g", any_of("message", "event")),
        ),
        time=epoch("timestamp", "t"),
        tag="cockroachdb.server",
        message="{severity|sev|s}{' ' event.EventType}{' ' message|event.Statement}",
        floats="timestamp t",
    ),
    tag="cockroachdb.server",
    entities={
        "addresses": "client_ip event.RemoteAddress event.NetworkAddress",
        "users": "user tags.user event.User event.SystemIdentity",
    },
)
