"""Messages of FreeRADIUS: radius.log, or what it sends to syslog."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

# A time stands in front only in a log file, and with log lines that syslog has with a time of their own.
_FRONT = (
    r"(?:(?P<time>[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d \d{4}) : )?"
    r"(?P<type>A(?:uth|cct)|I(?:nfo|NFO)|E(?:rror|RROR)|W(?:arning|ARN)|Debug|Proxy): (?:\((?P<request>\d+)\) +)?"
)
_LOGIN = re.compile(
    r"(?: \((.*?)\))?: \[([^\]]*)\](?: \((?:from )?client ([^ )]+)(?: port (\d+))?(?: cli ([^ )]+))?)?", re.DOTALL
)
_USER = re.compile(r"((?:host/)?[^/]*)(?:/(.*))?", re.DOTALL)  # a machine's name has a slash of its own
_UNKNOWN = re.compile(r"unknown client ([0-9a-fA-F.:]+)(?: port (\d+))?")


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the user, the method and the client of a sign-in, and an unknown client."""
    text = event["text"]
    if "event" in event and (login := _LOGIN.match(text.removeprefix(event["event"]))):
        reason, user, client, port, station = login.groups()
        named = _USER.fullmatch(user)
        assert named is not None  # noqa: S101 - it matches any text
        event["user"], method = named.groups()
        parts = {"method": method, "reason": reason, "client": client, "cli": station}
        event |= {name: value for name, value in parts.items() if value}
        if port:
            event["port"] = int(port)
    elif unknown := _UNKNOWN.search(text):
        event["client"] = unknown[1]
        event |= {"port": int(unknown[2])} if unknown[2] else {}


FREERADIUS = Patterns(
    "freeradius",
    "FreeRADIUS: sign-ins, unknown clients, errors; of radius.log or behind a header of syslog",
    "https://github.com/FreeRADIUS/freeradius-server/blob/v3.2.x/raddb/radiusd.conf.in",
    chain=("s3-lines", "syslog-any", "freeradius"),
    time=stamp("time"),
    tag="freeradius.{type}",
    message="{text}",
    patterns=(
        rf"{_FRONT}(?P<text>(?P<event>Login OK|Login incorrect|Invalid user)[ :].*)",
        rf"{_FRONT}(?P<text>.*)",
    ),
    integers="request",
    refine=_name_parts,
    entities={"addresses": "client", "users": "user"},
)
