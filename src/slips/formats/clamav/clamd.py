"""Logs of ClamAV: the daemon clamd, the updates of freshclam, and scans of clamscan."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_TIME = r"(?:(?P<time>[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d \d{4}) -> )?"
_FOUND = re.compile(r"(.+): (\S+?)(?:\(([0-9a-f]{32,64}):(\d+)\))? FOUND", re.DOTALL)
_RESULTS = ("OK", "Empty file", "Excluded", "Symbolic link")
_DATABASE = re.compile(
    r"([a-z0-9_.-]+\.(?:cvd|cld|cud)) (?:database )?(?:is up[ -]to[ -]date|updated) \(version: (\d+), sigs: (\d+)"
)
_COUNT = re.compile(r"(Known viruses|Infected files|Scanned files|Scanned directories|Total errors): (\d+)")


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the file and the signature of a finding, the state of a database, and the counts of a scan."""
    text = event["text"].removeprefix("WARNING: ").removeprefix("ERROR: ")
    if found := _FOUND.fullmatch(text):
        event |= {"result": "FOUND", "path": found[1], "signature": found[2]}
        event |= {"hash": found[3], "size": int(found[4])} if found[3] else {}
    elif database := _DATABASE.match(text):
        event |= {"database": database[1], "version": int(database[2]), "signatures": int(database[3])}
    elif count := _COUNT.fullmatch(text):
        event[count[1]] = int(count[2])
    else:
        path, _, result = text.rpartition(": ")
        if path and (result in _RESULTS or result.endswith(" ERROR")):
            event |= {"result": result, "path": path}


CLAMAV = Patterns(
    "clamav",
    "ClamAV: findings of clamd and clamscan, updates of freshclam, with or without a syslog header",
    "https://docs.clamav.net/manual/Usage/Scanning.html",
    chain=("s3-lines", "syslog-any", "clamav"),
    time=stamp("time"),
    tag="clamav.clamd",
    message="{text}",
    patterns=(rf"{_TIME}(?P<text>.*)",),
    refine=_name_parts,
    entities={"hashes": "hash"},
)
