"""Messages of OpenSMTPD, whose sessions are words and pairs of key and value, as syslog has them."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_PAIR = re.compile(r' ?([a-z][a-z-]{0,30})=("(?:[^"\\]|\\.)*+"(?= |\Z)|<[^<>]*>(?= |\Z)|[^ ]*)')
_RELAY = re.compile(r"(?:[a-z+]{1,20}://)?(?:\[(?:IPv6:)?([0-9a-fA-F:.]+)\]|([0-9.]+))(?::(\d{1,5}))?(?: \((.*)\))?")
_NUMBERS = frozenset(["size", "nrcpt", "messages"])


def _name_pairs(meta: MetaData, event: Event) -> None:
    """Put the pairs of a session's message into the event, and the address and host of a relay."""
    rest = event.pop("pairs", None)
    if "module" not in event:
        meta.message = event["text"]
        return
    end = 0
    while rest and (found := _PAIR.match(rest, end)):
        name, value, end = found[1], found[2], found.end()
        if value[:1] == '"':
            value = value[1:-1].replace('\\"', '"')
        elif value[:1] == "<" and value[-1:] == ">" and value != "<unknown>":
            value = value[1:-1]
        absent = value in ("", "-", "<unknown>")
        event[name] = None if absent else int(value) if name in _NUMBERS and value.isdecimal() else value
    if rest and (text := rest[end:].strip()):
        event["text"] = text
    peer = event.get("relay") if event["event"] == "delivery" else event.get("address")
    if event["module"] == "mta" and isinstance(peer, str) and (relay := _RELAY.fullmatch(peer)):
        event["relay_ip"] = relay[1] or relay[2]
        event |= {"relay_port": int(relay[3])} if relay[3] else {}
        event |= {"relay_host": relay[4]} if relay[4] and relay[4] != "<unknown>" else {}
    words = [event["module"], event["event"], *(event.get(name) for name in _SHOWN)]
    meta.message = " ".join(str(word).strip() for word in words if word is not None)


_SHOWN = "address from to user result stat reason command".split()

OPENSMTPD = Patterns(
    "opensmtpd",
    "OpenSMTPD: sessions, envelopes, deliveries and relays, with or without a syslog header",
    "https://man.openbsd.org/smtpd.8",
    chain=("s3-lines", "syslog-any", "opensmtpd"),
    tag="opensmtpd.{module|'message'}",
    patterns=(
        r"(?P<session>[0-9a-f]{8,16}) (?P<module>smtp|lmtp|bounce|m[tdf]a) (?:event=)?(?P<event>[a-z][a-z-]*)"
        r"(?P<pairs> .*)?\Z",
        r"(?P<level>info|warn|fatal|debug|trace): (?P<text>.*)",
        r"(?P<part>delivery|relay|queue|pony express|s(?:mtp-(?:in|out)|cheduler)|l(?:ookup|ka)|c(?:ontrol|a)|m[td]a): "
        r"(?P<text>.*)",
    ),
    refine=_name_pairs,
    entities={"addresses": "address relay_ip source", "users": "from to rcpt user", "hosts": "host relay_host"},
)
