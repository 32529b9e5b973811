"""The log of the listener of Oracle databases: connections, commands, registrations of services."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_TIME = r"(?P<time>\d{2}-[A-Za-z]{3}-\d{4} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[^ ]+) \* "
_CONNECT = r"(?P<connect_data>\([^*]*)\* "
_RESULT = r"(?P<return_code>\d+)(?P<more>.+)?"
_OF_CLIENT = re.compile(
    r"\((PROGRAM|HOST|USER|SERVICE_NAME|SID|COMMAND)=([^()]*+(?:\([^()]*+\)[^()]*+)?+)\)", re.IGNORECASE
)
_OF_ADDRESS = re.compile(r"\((HOST|PORT)=([^()]*)\)", re.IGNORECASE)


def _read(meta: MetaData, event: Event) -> None:
    """Read the time, and name the client: its program, host and user, its address and port. Raises RecordError."""
    if (time := event.get("time")) is not None:
        is_iso = time[4:5] == "-" and time[:4].isdigit()
        meta.timestamp = times.iso(time, "time") if is_iso else times.written(time, "%d-%b-%Y %H:%M:%S", "time")
    for name in event.keys() & {"connect_data", "protocol_info"}:
        event[name] = event[name].rstrip()
    for name, value in _OF_CLIENT.findall(event.get("connect_data", "")):
        if value:
            event.setdefault(name.lower(), value)
    for name, value in _OF_ADDRESS.findall(event.get("protocol_info", "")):
        if value:
            event["client_address" if name.upper() == "HOST" else "client_port"] = value
    words = (("", "event"), (" ", "service"), (" by ", "user"), (" from ", "client_address"), (": ", "return_code"))
    meta.message = "".join(f"{before}{event[name]}" for before, name in words if event.get(name) is not None)
    if "code" in event:
        meta.message = f"{event['code']}: {event['text']}"


# What is behind a connection that failed stands on lines of its own, which begin with the code.
ORACLE_LISTENER = Patterns(
    "oracle-listener",
    "Oracle Net Listener (listener.log): connections, commands, registrations of services",
    "https://docs.oracle.com/en/database/oracle/oracle-database/23/netag/analyzing-listener-logs.html",
    patterns=(
        rf"{_TIME}{_CONNECT}(?P<protocol_info>\([^*]*)\* (?P<event>[A-Za-z_]+) \* (?P<service>[^ *]*) \* {_RESULT}",
        rf"{_TIME}{_CONNECT}(?P<event>[A-Za-z_]+) \* (?P<service>[^ *]*) \* {_RESULT}",
        rf"{_TIME}{_CONNECT}(?P<event>[A-Za-z_]+) \* {_RESULT}",
        rf"{_TIME}(?P<event>[A-Za-z_]+) \* (?P<service>[^ *]*) \* {_RESULT}",
        r" *(?P<code>TNS-\d{5}): (?P<text>.*)",
    ),
    tag="oracle.listener.{event|'error'}",
    absent="",
    integers="return_code",
    refine=_read,
    entities={"addresses": "client_address", "users": "user", "hosts": "host"},
)
