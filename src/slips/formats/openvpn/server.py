"""Messages of an OpenVPN server."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_TIME = (
    r"(?:(?P<time>\d{4}-\d\d-\d\d [0-9:]{8}|[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} [0-9:]{8} \d{4}) )?"
    r"(?:us=(?P<us>\d{1,6}) )?"
)
"""The time, with `verb 4` also its microseconds."""
_PROTO = r"(?:(?P<proto>(?:udp|tcp)[46]?(?:-server)?):)?"
"""In front of an address, since version 2.7."""
_TYPES = re.compile(
    r"(?:TLS(?: Auth)?(?: Error)?|TLS_ERROR|MULTI(?:_sva)?|PUSH|MANAGEMENT|OPTIONS IMPORT|(?:Control|Data) Channel"
    r"|TCP/UDP|VERIFY (?:OK|ERROR)|peer info|library versions|(?:Authenticate/|AEAD )Decrypt(?: packet)? error)(?=:)"
    r"|Peer Connection Initiated|Initialization Sequence Completed|SENT CONTROL|CRL CHECK|Re-using SSL/TLS context"
    r"|TCP connection established(?= with \[AF_INET)|Connection reset, restarting"
    r"|SIG(?:USR1|TERM|HUP)(?=\[(?:soft|hard))"
    r"|(?:Outgoing|Incoming) (?:Control|Data) Channel|TUN/TAP device|(?:UDP|TCP)v[46](?:_\w{1,9})? link|OpenVPN(?= \d)"
)
"""The beginnings of texts that no other program writes: many write a line behind an address and a port."""


def _name_type(meta: MetaData, event: Event) -> None:
    if "us" in event and "time" in event:
        meta.timestamp += event["us"] / 1_000_000
    if found := _TYPES.match(event["text"]):
        event["message_type"] = found[0]


OPENVPN = Patterns(
    "openvpn",
    "OpenVPN server messages, with or without a syslog header",
    "https://openvpn.net/community-docs/community-articles/openvpn-2-6-manual.html",
    chain=("s3-lines", "syslog-any", "openvpn"),
    time=stamp("time"),
    tag="openvpn.server",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_TIME}(?P<user>[^ /]+)/{_PROTO}(?P<src_ip>[0-9.]+):(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}{_PROTO}(?P<src_ip>[0-9.]+):(?P<src_port>\d+) \[(?P<user>[^\]]*)\] (?P<text>.*)",
        rf"{_TIME}{_PROTO}(?P<src_ip>[0-9.]+):(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}(?P<user>[^ /]+)/(?P<src_ip>[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*) (?P<text>.*)",
        rf"{_TIME}(?P<user>[^ /]+)/{_PROTO}\[(?P<src_ip>[0-9a-fA-F:]+)\]:(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}{_PROTO}\[(?P<src_ip>[0-9a-fA-F:]+)\]:(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}(?P<src_ip>[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*) (?P<text>.*)",
        rf"{_TIME}(?P<text>TCP connection established with \[AF_INET\](?P<src_ip>[0-9.]++):(?P<src_port>\d+))",
        rf"{_TIME}(?P<text>.*)",
    ),
    integers="us src_port",
    refine=_name_type,
    entities={"addresses": "src_ip", "users": "user"},
)
