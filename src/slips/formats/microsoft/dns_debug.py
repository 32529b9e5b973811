"""The debug log of the DNS server of Windows: its packets, and what else it notes."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns

_LABEL = re.compile(r"\((\d{1,3})\)")
_DATE = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4}) (\d{1,2}):(\d\d:\d\d)(?: ([AP])M)?", re.ASCII)


def _read_time(text: str) -> float:
    """Convert a time in the notation of the server's locale: ISO, `3/1/2026 8:00:00 AM`, or `01.03.2026 08:00:00`.

    The month is before the day if AM or PM stand behind slashes, as in the United States, unless no month has the
    number; else behind it.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return times.iso(text, "time")
    first, mark, second, year, hour, rest, half = found.groups()
    month, day = (first, second) if mark == "/" and half else (second, first)
    if int(month) > 12:
        month, day = day, month
    if half and not 1 <= int(hour) <= 12:
        raise RecordError(f"'time' is {text!r:.60}; expected an hour from 1 to 12 before AM or PM")
    in_24 = int(hour) % 12 + (12 if half == "P" else 0) if half else int(hour)
    return times.iso(f"{year}-{month:0>2}-{day:0>2} {in_24:02}:{rest}", "time")


def _tidy(meta: MetaData, event: Event) -> None:
    """Set the time, and write the name that was asked for with dots, in place of the lengths of its labels."""
    if "header" in event:
        return
    meta.timestamp = _read_time(event["time"])
    if "query_name" not in event:
        event["context"] = event["context"].removesuffix(":")
        meta.tag = f"microsoft.dns-debug.{event['context']}"
        meta.message = " ".join(event["message"].split())
        return
    event["query_name"] = _LABEL.sub(".", event["query_name"]).strip(".") or "."
    event["is_response"] = event["is_response"] == "R"
    event["flags"] = "".join(event["flags"].split())
    kind = "response" if event["is_response"] else "query"
    words = [event["direction"], kind, event.get("query_type"), event["query_name"], event["rcode"], event["remote_ip"]]
    meta.message = " ".join(filter(None, words))


_HEAD = (
    r"(?P<time>[\d./-]{8,10} \d{1,2}:\d\d:\d\d(?: [AP]M)?) "
    r"(?P<thread>[0-9A-Fa-f]{3,8}) (?P<context>[A-Z_]+|Note:) +"
)

DNS_DEBUG = Patterns(
    "ms-dns-debug",
    "debug logs of the Windows DNS server (dns.log): packets with their questions, and other notes",
    "https://learn.microsoft.com/en-us/archive/blogs/suporte/dns-debug-logging",
    chain=(
        {"multiline": {"start": r"[\d./-]{8,10} \d{1,2}:\d\d:\d\d"}},
        "ms-dns-debug",
    ),
    tag="microsoft.dns-debug.{context}",
    patterns=(
        rf"{_HEAD}(?:(?P<packet_id>[0-9A-Fa-f]{{8,16}}) )?(?P<protocol>UDP|TCP) (?P<direction>Rcv|Snd) "
        r"(?P<remote_ip>[^ ]+) +(?P<xid>[0-9a-fA-F]{4}) (?P<is_response>[R ]) (?P<opcode>[A-Z?]) "
        r"\[(?P<flags_hex>[0-9a-fA-F]{4}) (?P<flags>[A ][T ][D ][R ]) +(?P<rcode>[A-Z]+)\] "
        r"(?:(?P<query_type>[^ (]+) +)?(?P<query_name>\([^ \n]+)(?P<details>\s.*)?",
        rf"{_HEAD}(?P<message>.*)",
        r"\s*(?P<header>(?:DNS Server log|Log file|Message logging key).*)",
    ),
    refine=_tidy,
    rules=(Rule("header", "the lines at the top of a file", when=lambda event: "header" in event),),
    entities={"addresses": "remote_ip", "domains": "query_name"},
)
