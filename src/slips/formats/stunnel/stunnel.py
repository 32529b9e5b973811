"""Messages of stunnel, of its log file or of syslog."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, written

_ACCEPTED = re.compile(r"(?:Service \[)?([^\] ]+)\]? accepted connection from (?:::ffff:)?([0-9a-fA-F.:]+):(\d+)")
_CONNECTED = re.compile(r"(?:Service \[)?([^\] ]+)\]? connected remote server from (?:::ffff:)?([0-9a-fA-F.:]+):(\d+)")
_REFUSED = re.compile(r"(?:SSL|TLS)_accept from (?:::ffff:)?([0-9a-fA-F.:]+):(\d+) : (.*)", re.DOTALL)
_CLOSED = re.compile(
    r"Connection (closed|reset)(?:/\w+)?: (\d+) byte\(s\) sent to (?:TLS|SSL), (\d+) byte\(s\) sent to socket"
)


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the service and the client of a connection, and the bytes when it ends."""
    text = event["text"]
    if found := _ACCEPTED.match(text):
        event |= {"event": "accepted", "service": found[1], "client": found[2], "client_port": int(found[3])}
    elif found := _CONNECTED.match(text):
        event |= {"event": "connected", "service": found[1], "local": found[2], "local_port": int(found[3])}
    elif found := _REFUSED.match(text):
        event |= {"event": "refused", "client": found[1], "client_port": int(found[2]), "reason": found[3]}
    elif found := _CLOSED.match(text):
        event |= {"event": found[1], "sent_to_tls": int(found[2]), "sent_to_socket": int(found[3])}


STUNNEL = Patterns(
    "stunnel",
    "stunnel: connections, errors of TLS, of its log file or behind a header of syslog",
    "https://www.stunnel.org/static/stunnel.html",
    chain=("s3-lines", "syslog-any", "stunnel"),
    time=written("%Y.%m.%d %H:%M:%S", "time"),
    tag="stunnel",
    message="{text}",
    patterns=(
        r"(?:(?P<time>\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d) )?LOG(?P<level>\d)\[(?:(?P<pid>\d+):)?(?P<thread>[^\]: ]+)\]: "
        r"(?P<text>.*)",
    ),
    integers="level pid",
    refine=_name_parts,
    entities={"addresses": "client server local"},
)
