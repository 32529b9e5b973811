"""Logs of IBM WebSphere Application Server: SystemOut.log and its kin, messages.log and JSON of Liberty."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, iso

BANNER = Rule(
    "banner",
    "lines before the first message that describe the process and its environment",
    when=lambda event: "banner" in event,
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_LOCAL = re.compile(
    r"(?P<first>\d{1,4})(?P<mark>[/.])(?P<second>\d{1,2})[/.](?P<third>\d{1,4}),? "
    r"(?P<hour>\d{1,2}):(?P<rest>\d\d:\d\d)[:.](?P<fraction>\d{1,9})(?: (?P<half>[AP]M))?"
    r"(?: (?P<zone>[A-Z]{1,5}|GMT[+-]\d\d:\d\d))?",
    re.ASCII,
)
_GERMAN = {"MEZ": "CET", "MESZ": "CEST"}
_NOON = 12
_YEAR = len("2026")
_NO_HOUR = 99
"""The hour of a clock such as `13:00 PM`, which is none."""


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time, which is written as the locale of the process has it, or as ISO 8601. Raises RecordError.

    A date with slashes is month first, as in the United States, or year first, if the year has four digits or the zone
    is Japan's; with dots it is day first.
    """
    if component := event.get("component"):
        event["component"] = component.removesuffix(" thread")
    if not (text := event.get("time")):
        return
    if not (found := _LOCAL.fullmatch(text)):
        meta.timestamp = times.iso(text)
        return
    first, second, third = found.group("first", "second", "third")
    if found["mark"] == ".":
        day, month, year = first, second, third
    elif len(first) == _YEAR or found["zone"] == "JST":
        year, month, day = first, second, third
    else:
        month, day, year = first, second, third
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % _NOON + (_NOON if found["half"] == "PM" else 0) if 1 <= hour <= _NOON else _NO_HOUR
    year = year if len(year) == _YEAR else f"20{year}"
    zone = (found["zone"] or "").removeprefix("GMT") or found["zone"] or ""
    clock = f"{hour:02}:{found['rest']}.{found['fraction']}"
    try:
        meta.timestamp = times.iso(f"{year}-{month:0>2}-{day:0>2} {clock} {_GERMAN.get(zone, zone)}".rstrip())
    except RecordError as error:
        _, _, *hint = str(error).split("; ", 2)
        expected = "expected one such as '11/29/26 8:00:00:123 UTC', whose month is first"
        raise RecordError("; ".join([f"'time' is {text!r}", expected, *hint])) from None


_TIME = r"\[(?P<time>[^\]]++)\] (?P<thread>[0-9A-Fa-f]{8,16}) (?:id=(?P<object>[0-9A-Fa-f]*) )? *+"
_TEXT = r"(?:(?P<message_id>[A-Z]{3,5}\d{4}[A-Z]): ++)?(?P<message>.*)"

# The advanced format has pairs in place of a short name; its text is on the next line.
WEBSPHERE = Patterns(
    "websphere",
    "IBM WebSphere Application Server: SystemOut.log, SystemErr.log, trace.log, messages.log of Liberty",
    "https://www.ibm.com/support/knowledgecenter/SSAW57_8.5.5/com.ibm.websphere.nd.multiplatform.doc/ae/"
    "rtrb_readmsglogs.html",
    chain=({"multiline": {"start": r"\["}}, "websphere"),
    tag="ibm.websphere",
    message="{type|'banner'}{' ' source}{' ' message_id}{': ' message}",
    patterns=(
        rf"{_TIME}(?P<type>[A-Za-z0-9<>]) ++UOW=(?P<uow>[^ ]*+) source=(?P<source>[^ ]*+)"
        r"(?: class=(?P<class>[^ ]*+))?(?: method=(?P<method>[^ ]*+))?(?: org=(?P<organization>[^ ]*+))?"
        r"(?: prod=(?P<product>[^ ]*+))?(?: component=(?P<component>[^=\n]*+)=\[(?P<thread_name>[^\]\n]*+)\])?"
        rf"[ \t]*+\n?[ \t]*+{_TEXT}",
        rf"{_TIME}(?P<source>[^ ]++) ++(?P<type>[A-Za-z0-9<>]) ++{_TEXT}",
        r"(?P<banner>\*{4}.*)",
    ),
    absent="",
    rules=(BANNER,),
    refine=_read_time,
)
WEBSPHERE_LIBERTY = Json(
    "websphere-liberty",
    "WebSphere Liberty and Open Liberty as JSON: messages, traces, accesses, audit, failures (FFDC)",
    "https://openliberty.io/docs/latest/json-log-events-list.html",
    require=all_of("type", any_of("ibm_datetime", "ibm_serverName"), any_of("ibm_serverName", "ibm_userDir", "host")),
    time=iso("ibm_datetime"),
    tag="ibm.websphere.{type}",
    message=(
        "{loglevel|ibm_requestMethod|type}{' ' ibm_responseCode}{' ' module|ibm_className}"
        "{': ' message|ibm_uriPath|ibm_exceptionName|ibm_audit_eventName}{' from ' ibm_remoteHost}"
    ),
    integers="ibm_requestPort",
    entities={
        "addresses": "ibm_remoteHost",
        "users": "ibm_remoteUserID",
        "hosts": "host",
    },
)
