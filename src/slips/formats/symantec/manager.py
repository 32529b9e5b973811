"""Logs that Symantec Endpoint Protection Manager sends to a syslog server, or exports to dump files."""

from __future__ import annotations

import csv
import re

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_NAMED = re.compile(r"([A-Z][A-Za-z0-9-]*(?: (?:[A-Za-z0-9-]+|\([a-z]+\))){0,4}):(?: (.*))?", re.DOTALL)
_OF_SERVERS = frozenset(["Site", "Server", "Server Name", "Domain", "Domain Name", "Admin", "Event Description"])
"""Names in messages of the manager itself, whose description is a text with commas and colons."""
_TEXTS = frozenset(["Scan Complete"])
"""Begins of texts that look like names."""
_NUMBERS = frozenset(
    (
        *("Local Port", "Remote Port", "Occurrences", "File size (bytes)", "Duration (seconds)", "Threats", "Infected"),
        *("Total files", "Omitted", "Intrusion ID", "CIDS Signature ID", "CIDS Signature SubID", "Sensitivity"),
    )
)
_SHOWN = 3
"""Values without a name in a message."""
_MOST = 200
"""Pieces of a message; the longest have some fifty."""


def _name_pieces(meta: MetaData, event: Event) -> None:
    """Name the pieces between commas that are `Name: value`; the others stay in `values`. Raises RecordError."""
    text = event["text"]
    try:
        pieces = next(csv.reader([text], strict=False), [])
    except csv.Error:
        pieces = text.split(",")
    if len(pieces) > _MOST:
        raise RecordError(f"{len(pieces)} values with commas between; expected {_MOST} at most")
    of_server = text.startswith("Site: ")
    named: dict[str, str | int] = {}
    values: list[str] = []
    for piece in pieces:
        found = _NAMED.fullmatch(piece)
        if not found or found[1] in _TEXTS or found[1] in named or (of_server and found[1] not in _OF_SERVERS):
            values.append(piece)
        else:
            value = found[2] or ""
            named[found[1]] = int(value) if found[1] in _NUMBERS and value.isdecimal() else value
    if len(named) < 2:
        raise RecordError("fewer than two pieces are 'Name: value'; expected a message of Endpoint Protection Manager")
    event |= named
    if values:
        event["values"] = values
    written = ((name, event.get(name)) for name in ("Event time", "Event Time", "Begin", "time"))
    if first := next((each for each in written if each[1]), None):
        meta.timestamp = times.iso(first[1], first[0])
    about = named.get("Event Description") or named.get("Risk name")
    words = [value.strip() for value in values if value.strip()][: 1 if about else _SHOWN]
    meta.message = ": ".join(filter(None, [", ".join(words), str(about or "")])) or text[:200]


SEPM = Patterns(
    "symantec-sepm",
    "Symantec Endpoint Protection Manager: risks, scans, attacks, traffic, administrators, by syslog or in dumps",
    "https://knowledge.broadcom.com/external/article?legacyId=tech171741",
    chain=("s3-lines", "syslog-any", "symantec-sepm"),
    tag="symantec.sepm",
    patterns=(
        r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<severity>[A-Z][a-z]+),(?P<text>.*)",
        r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<text>.*)",
        r"SymantecServer (?P<manager>[^ :,]+): (?P<text>.*)",
        r"(?P<text>.*)",
    ),
    absent=("none", "N/A"),
    refine=_name_pieces,
    entities={
        "addresses": ("Local Host IP", "Local Host", "Remote Host IP", "IP Address", "Source IP"),
        "users": ("User", "User Name", "Admin"),
        "hosts": ("Computer name", "Computer", "Remote Host Name"),
        "hashes": ("Application hash", "SHA-256", "MD-5"),
    },
)
