"""Messages of OpenLDAP's server slapd about connections and operations, its log level `stats`."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_FRONT = r"(?:(?P<time>[0-9a-f]{8}(?:\.[0-9a-f]{8})?) (?P<thread>0x[0-9a-f]+ )?)?"  # of a log file, all in hexadecimals
_CONN = rf"{_FRONT}(?P<text>conn=(?P<conn>\d+) "
_PAIR = re.compile(r' ?([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')
_INTEGERS = frozenset("method tag err nentries scope deref ssf bind_ssf sasl_ssf tls_ssf".split())
_FLOATS = frozenset(["qtime", "etime"])


def _name_pairs(meta: MetaData, event: Event) -> None:
    """Put the pairs of an operation into the event, and read the time of a log file."""
    if time := event.get("time"):
        seconds, _, nanoseconds = time.partition(".")
        meta.timestamp = int(seconds, 16) + int(nanoseconds or "0", 16) / 1e9
    if "thread" in event:
        event["thread"] = event["thread"].strip()
    for name in ("client", "listener"):
        address, colon, port = event.get(name, "").rpartition(":")
        if colon and port.isdecimal():
            event[f"{name}_ip"], event[f"{name}_port"] = address.strip("[]"), int(port)
    rest, end = event.pop("rest", "").removeprefix(" "), 0
    if rest.startswith("attr="):  # and all that follows
        event["attr"] = rest.removeprefix("attr=").split()
        return
    while found := _PAIR.match(rest, end):
        name, value = found.groups()
        end = found.end()
        if name == "text":
            event["error"] = rest[found.start(2) :]
            return
        if value[:1] == '"':
            value = value[1:-1]
        if name in _INTEGERS and value.isdecimal():
            event[name] = int(value)
        elif name in _FLOATS and value.replace(".", "", 1).isdecimal():
            event[name] = float(value)
        else:
            event[name] = value
    if reason := rest[end:].strip(" ()"):
        event["reason"] = reason


OPENLDAP = Patterns(
    "openldap",
    "OpenLDAP slapd: connections, operations and results of its log level stats, with or without a syslog header",
    "https://www.openldap.org/doc/admin26/guide.html",
    chain=("s3-lines", "syslog-any", "openldap"),
    tag="openldap.slapd",
    message="{text}",
    patterns=(
        rf"{_CONN}fd=(?P<fd>\d+) (?P<operation>ACCEPT) from (?:IP=(?P<client>[^ ]+) \(IP=(?P<listener>[^ )]+)\).*"
        r"|PATH=(?P<path>[^ ]+).*))",
        rf"{_CONN}fd=(?P<fd>\d+) (?P<operation>closed|TLS established) ?(?P<rest>.*))",
        rf"{_CONN}op=(?P<op>\d+) (?P<operation>SEARCH RESULT|[A-Z]+)(?P<rest>.*))",
        rf"{_CONN}.*)",
        rf"{_FRONT}(?P<text>(?:slapd (?P<event>starting|stopped|shutdown)|daemon: "
        r"|<= mdb_equality_candidates: \((?P<unindexed>[^)]*)\) not indexed|@\(#\) \$OpenLDAP: |connection_).*)",
    ),
    integers="conn fd op",
    refine=_name_pairs,
    entities={"addresses": "client_ip", "users": "dn"},
)
