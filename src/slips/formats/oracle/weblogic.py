"""Logs of Oracle WebLogic Server: of a server, of its domain and of its console, whose fields are in angle brackets."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, epoch
from slips.parsing.conversions import integer_or_text

_ATTRIBUTE = re.compile(r"\[([\w.-]{1,64}): ([^\]]*+)(\])?")
"""An attribute in brackets. An open one is found, too, and ends the search: else it would try each further one."""
_DATE = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2}), (?P<year>\d{4}),? (?P<hour>\d{1,2}):(?P<rest>\d\d:\d\d)"
    r"(?:[,.](?P<fraction>\d{1,9}))?\s(?P<half>[AP]M)(?: (?P<zone>[A-Za-z][A-Za-z ]{1,60}))?"
)
"""A date as the locale of the United States has it, with the short name of its zone, or with the long one."""
_LONG_NAME = re.compile(r"(?:Eastern|Central|Mountain|Pacific|Central European) (?:Standard|Daylight|Summer) Time")
"""Zones whose long names have the letters of the short ones, but for Central European Standard Time, which is CET."""
_ZONES = {"Coordinated Universal Time": "UTC", "Greenwich Mean Time": "GMT"}
_NOON = 12


def _read_date(meta: MetaData, date: str) -> None:
    """Read the date of a line of the console, which has no milliseconds beside it. Raises RecordError."""
    found = _DATE.fullmatch(date)
    if found is None or not 1 <= int(found["hour"]) <= _NOON:
        raise RecordError(f"'date' is {date!r:.80}; expected one such as 'Nov 29, 2026 8:00:00 AM GMT'")
    hour = int(found["hour"]) % _NOON + (_NOON if found["half"] == "PM" else 0)
    zone = found["zone"] or ""
    if _LONG_NAME.fullmatch(zone):
        zone = "".join(word[0] for word in zone.split()).replace("CEST", "CET" if "Standard" in zone else "CEST")
    clock = f"{hour:02}:{found['rest']}{'.' if found['fraction'] else ''}{found['fraction'] or ''}"
    text = f"{found['month']} {found['day']:>2} {found['year']} {clock} {_ZONES.get(zone, zone)}".rstrip()
    meta.timestamp = times.any_notation(text, meta.timestamp, "date")


def _tidy(meta: MetaData, event: Event) -> None:
    """Make an object of the attributes that version 12.2 added, and end the text before its bracket.

    Raises RecordError for a line of the console whose date is not that of the United States.
    """
    if "raw_time" not in event:
        _read_date(meta, event["date"])
    attributes = event.get("attributes")
    if attributes is not None:
        event["attributes"] = {
            name: integer_or_text(value) if value.isdigit() else value
            for name, value, closed in _ATTRIBUTE.findall(attributes)
            if closed
        }
    user = event.get("user")
    if user and user.startswith("<"):
        event["user"] = user[1:-1]
    event["message"] = event["message"].rstrip().removesuffix(">").rstrip()
    meta.message = f"{event['severity']} {event['message_id']} {' '.join(event['message'].split())}"


WEBLOGIC = Patterns(
    "weblogic",
    "logs of Oracle WebLogic Server since version 9: of servers, domains and consoles, with the lines of each message",
    "https://docs.oracle.com/en/middleware/standalone/weblogic-server/14.1.1.0/wllog/logging_services.html",
    chain=({"multiline": {"start": r"####<|<[A-Z][a-z]{2} \d{1,2}, \d{4},? "}}, "weblogic"),
    tag="oracle.weblogic",
    # Date and clock are written as the locale has them, with the name of a zone: the milliseconds behind them count.
    time=epoch("raw_time", unit="ms"),
    patterns=(
        r"####<(?P<date>[^>]*)> <(?P<severity>[^>]*)> <(?P<subsystem>[^>]*)> <(?P<machine>[^>]*)> "
        r"<(?P<server>[^>]*)> <(?P<thread>[^>]*)> <(?P<user>(?:<[^>]*>)?[^<>]*)> <(?P<transaction_id>[^>]*)> "
        r"<(?P<diagnostic_context_id>[^>]*)> <(?P<raw_time>\d+)> (?:<(?P<attributes>\[[^>]*)> )?"
        r"<(?P<message_id>[^>\[]*)> <(?P<message>.*)",
        r"<(?P<date>[A-Z][a-z]{2} \d{1,2}, \d{4}[^>]*)> <(?P<severity>[A-Za-z]+)> <(?P<subsystem>[^>]*)> "
        r"<(?P<message_id>[A-Z]+-\d+)> <(?P<message>.*)",
    ),
    integers="raw_time",
    absent="",
    refine=_tidy,
    entities={"users": "user", "hosts": "machine"},
)
