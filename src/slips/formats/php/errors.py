"""Logs of PHP: its error log, the log of PHP-FPM, and the log of its slow requests."""

from __future__ import annotations

import re
from functools import lru_cache

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns
from slips.zones import Zone, zone_of

_TIME = (
    r"\[(?P<time>\d\d-[A-Z][a-z][a-z]-\d{4} \d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"(?: (?P<timezone>[A-Za-z][A-Za-z0-9_+/-]*|[+-]\d\d:\d\d))?\] "
)
_PHP = r"PHP (?P<level>[A-Z][a-z]+(?: [a-z]+){0,2}):  ?(?P<message>.*)"
_PLACE = re.compile(r"([^\n]+?)(?: on line |:)(\d{1,9})")
_CHILD = re.compile(r"child (\d{1,9}) ")
_MONTHS = {name: f"{n:02}" for n, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_LONGEST = 500
"""Characters of a file and a line."""


@lru_cache(maxsize=64)
def _known(name: str) -> Zone | None:
    return zone_of(name)


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time in its zone, and name file and line of an error, the child of a pool. Raises RecordError."""
    if text := event.get("time"):
        shown = f"{text[7:11]}-{_MONTHS.get(text[3:6], text[3:6])}-{text[:2]}T{text[12:]}"
        name = event.get("timezone") or ""
        if name[:1] in ("+", "-"):
            shown, name = shown + name, ""
        try:
            zone = _known(name) if name else None
        except ValueError:
            raise RecordError(
                f"'timezone' is {name!r}, which is not known here; name it as the mapping's 'timezone', too"
            ) from None
        meta.timestamp = times.iso(f"{shown}Z" if name else shown)
        if zone is not None:
            meta.timestamp = zone.utc(meta.timestamp)
    message = event.get("message") or ""
    _, is_place, place = message.partition("\n")[0].rpartition(" in ")
    if is_place and len(place) <= _LONGEST and (found := _PLACE.fullmatch(place)):
        event["file"], event["line"] = found[1], int(found[2])
    if "pool" in event and (child := _CHILD.match(message)):
        event["child"] = int(child[1])


# A stack trace, and the calls of a slow request, stand below their line.
PHP = Patterns(
    "php",
    "PHP: its error log, with the stack traces, and the logs of PHP-FPM: of its pools, and of slow requests",
    "https://www.php.net/manual/en/errorfunc.configuration.php",
    chain=({"multiline": {"start": r"\[\d\d-[A-Z][a-z][a-z]-\d{4} |PHP [A-Z][a-z ]+: "}}, "php"),
    tag="php.{level|'message'}",
    message="{message}",
    patterns=(
        rf"{_TIME}{_PHP}",
        rf"{_TIME}(?P<level>[A-Z]+): (?:pid (?P<pid>\d+), (?P<function>[^ ,]+), line (?P<source_line>\d+): )?"
        r"(?:\[pool (?P<pool>[^\]]+)\] )?(?P<message>.*)",
        rf"{_TIME} \[pool (?P<pool>[^\]]+)\] pid (?P<pid>\d+)\nscript_filename = (?P<script_filename>[^\n]*)\n"
        r"(?P<message>.*)",
        rf"{_TIME}(?P<message>.*)",
        _PHP,
    ),
    integers="pid source_line",
    refine=_read_time,
)
