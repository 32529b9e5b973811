"""One-line alerts of Suricata and Snort: `fast.log`, `alert_fast`, and Snort's alerts as JSON."""

from __future__ import annotations

import re
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Regex, all_of, any_of
from slips.parsing.meaning import Time

_DATE = re.compile(r"(\d\d|\d{4})/(\d\d)(?:/(\d{4}|\d\d))?-(\d\d:\d\d:\d\d)(\.\d{1,9})?", re.ASCII)
_FRACTION = re.compile(r"\.\d{1,9}$", re.ASCII)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_BEHIND = re.compile(
    r" *(?:\[Classification: (?P<classification>[^\]]*)\] *)?(?:\[Priority: (?P<priority>\d{1,9})\] *)?"
    r"\{(?P<protocol>[^}]{1,40})\} (?P<src_ip>\S+) -> (?P<dst_ip>\S+)\s*"
)
_WITH_PORTS = frozenset(("TCP", "UDP", "SCTP"))


def _moment(value: Any, reference: float, name: str = "time") -> float:
    """Convert `03/01/2026-08:00:00.123456` to epoch seconds. Raises RecordError.

    Snort leaves the year out, or writes its last digits, behind the day or in front: `26/03/01`. In front it is known
    by a number that is no month.
    """
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        first, second, third, clock, fraction = found.groups()
        if third is not None and int(first) > 12:
            year, month, day = first, second, third
        else:
            year, month, day = third, first, second
        if 1 <= int(month) <= 12:
            full = None if year is None else int(year) + (2000 if len(year) == 2 else 0)
            return times.without_year(_MONTHS[int(month) - 1], int(day), clock, reference, full) + float(fraction or 0)
    raise RecordError(f"{name!r} is {value!r:.60}; expected a time such as '03/01/2026-08:00:00.123456'")


def _take_apart(meta: MetaData, event: Event) -> None:
    """Cut what is behind the signature. Raises RecordError for a line that is no alert."""
    signature, mark, behind = event.pop("alert").partition(" [**]")
    found = _BEHIND.fullmatch(behind) if mark else None
    if found is None:
        raise RecordError(f"behind the signature is {behind[:60]!r}; expected '{{TCP}} 192.0.2.1:1 -> 192.0.2.2:2'")
    event["signature"] = signature
    event.update(found.groupdict())
    event["priority"] = None if found["priority"] is None else int(found["priority"])
    for side in ("src", "dst"):
        address, colon, port = event[f"{side}_ip"].rpartition(":")
        if colon and event["protocol"] in _WITH_PORTS and port.isdigit():  # an address of IPv6 has colons itself
            event[f"{side}_ip"], event[f"{side}_port"] = address, int(port)
    meta.message = f"{signature} {event['src_ip']} => {event['dst_ip']}"


SURICATA_FAST = Regex(
    "suricata-fast",
    "Suricata fast.log and Snort alert_fast: an alert a line",
    "https://docs.suricata.io/en/latest/configuration/suricata-yaml.html#line-based-alerts-log-fast-log",
    time=Time((("time",),), _moment, dated=True),
    tag="suricata.fast",
    pattern=(
        r"(?P<time>[0-9/]+-[0-9:.]+) +(?:\[(?P<action>[A-Za-z]+)\] +)?\[\*\*\] +"
        r"\[(?P<gid>\d+):(?P<sid>\d+):(?P<rev>\d+)\] (?P<alert>.*)"
    ),
    integers="gid sid rev",
    refine=_take_apart,
    entities={"addresses": "src_ip dst_ip"},
)


def _seconds(value: Any, reference: float, name: str = "time") -> float:
    """Convert `seconds` of Snort 3, or a time such as `03/01-08:00:00.123456`, to epoch seconds. Raises RecordError."""
    return times.epoch(value, name) if value.__class__ is int else _moment(value, reference, name)


def _add_fraction(meta: MetaData, event: Event) -> None:
    """Add the fraction of `timestamp` to the time of `seconds`, which has none."""
    if event.get("seconds").__class__ is int and (fraction := _FRACTION.search(str(event["timestamp"]))):
        meta.timestamp += float(fraction[0])


# `timestamp` has the zone of the sensor, and no year; `seconds`, for whoever chose that field, is exact.
SNORT = Json(
    "snort",
    "Snort 3 alerts as JSON (alert_json)",
    "https://docs.snort.org/start/alert_logging",
    require=all_of("timestamp", any_of("msg", "rule", "sid", "action")),
    time=Time((("seconds",), ("timestamp",)), _seconds, dated=True),
    tag="snort.alert",
    message="[{rule|sid|'-'}] {msg|'-'} {src_addr|src_ap|'-'} => {dst_addr|dst_ap|'-'}",
    refine=_add_fraction,
    entities={"addresses": "src_addr dst_addr src_ap dst_ap"},
)
