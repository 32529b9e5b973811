"""Logs of the single sign-on server CAS: its audit trail, whose records have several lines, and its own log."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError, foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso
from slips.parsing.json_text import load_json

_BEGIN = "Audit trail record BEGIN"
_ANSWER = re.compile(r"([A-Z][A-Z _]{1,40}): ?(.*)")
_JSON = {"clientIpAddress": "client_ip_address", "serverIpAddress": "server_ip_address"}
"""Keys of the trail as JSON, and their names in the other notations."""
_NAMES = ("when", "application", "what", "action", "who", "client_ip_address", "server_ip_address")
"""The fields of a record in a single line, in their order."""
_ACTION = re.compile(r"[A-Z][A-Z0-9_]+")
_ZONE = re.compile(r" [A-Z]{2,5}(?=(?: \d{4})?\Z)")
"""The name of a zone in a time as Java writes it: `Sun Nov 29 08:00:00 CET 2026`."""


def _answers(lines: list[str]) -> Event:
    """Return the answers of a record of several lines. Other lines continue the last answer."""
    answers: Event = {}
    last = ""
    for line in lines:
        if found := _ANSWER.fullmatch(line):
            last = found[1].strip().lower().replace(" ", "_")
            answers[last] = found[2]
        elif last and line.strip("=\r> "):
            answers[last] += f"\n{line}"
    return answers


def _single(text: str) -> Event | None:
    """Return the answers of a record in a single line, with bars between or commas; None if the text is no such line.

    What was done, and to what, may have commas itself.
    """
    for mark in ("|", ","):
        first, *others = text.split(mark)
        if len(others) >= len(_NAMES) - 1 and re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d|\d{4}-\d\d-\d\d", first):
            ends = others[-4:] if mark == "," else others[2:]
            whats = others[1:-4] if mark == "," else others[1:2]
            values = [first, others[0], mark.join(whats), *ends]
            if not _ACTION.fullmatch(values[3]):
                continue
            further = {f"column_{number}": value for number, value in enumerate(values[7:], 8)}
            return dict(zip(_NAMES, values, strict=False)) | further
    return None


def _when(text: str, reference: float) -> float:
    """Convert the time of a record to epoch seconds. Raises RecordError.

    A name of a zone that has several meanings is left out: the time is then of the zone that times have here.
    """
    try:
        return times.any_notation(text, reference, "when")
    except RecordError:
        return times.any_notation(_ZONE.sub("", text), reference, "when")


def _take_answers(meta: MetaData, event: Event) -> None:
    """Take the answers of a record of the trail apart. Raises RecordError for a record without one."""
    text = event.pop("text").strip()
    if text.startswith("<"):
        text = text[1:].removesuffix(">").strip()
    kind, answers = "audit", None
    if text.startswith("{") and "}" in text and all(name in text for name in ('"who"', '"action"', "IpAddress")):
        found = load_json(text.encode("utf-8", "surrogateescape"))
        if "action" not in found:
            raise foreign_record("an object without 'action'; expected a record of the audit trail")
        answers = {_JSON.get(name, name): value for name, value in found.items()}
    elif text.startswith(_BEGIN):
        answers = _answers(text.split("\n"))
        if not answers:
            raise foreign_record("a record of the audit trail without an answer such as 'WHO: casuser'")
    else:
        answers = _single(text)
    if answers is None:
        if "level" not in event:
            raise foreign_record(f"line begins with {text[:40]!r}; expected a record of the audit trail")
        kind, answers = "log", {}
        event["message"], _, trace = text.partition("\n")
        if trace:
            event["stack_trace"] = trace
    event |= answers
    when = event.get("when")
    if "time" not in event and isinstance(when, str) and when:
        meta.timestamp = _when(when, meta.timestamp)
    meta.message = (
        f"{event.get('action', '-')} {event.get('who', '-')} from {event.get('client_ip_address', '-')}: "
        f"{' '.join(str(event.get('what', '-')).split())}"
        if kind == "audit"
        else f"{event.get('level', '-')} {event['message']}".rstrip()
    )


_TIME = r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]\d{3})"

# The times in front are of the clock of the server: `timezone:` of the mapping says where it is.
CAS = Patterns(
    "cas",
    "Apereo CAS (single sign-on): its audit trail, in records of several lines, single lines or JSON, and its own log",
    "https://apereo.github.io/cas/6.6.x/audits/Audits.html",
    chain=(
        {
            "multiline": {
                "start": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|[A-Z][a-z][a-z] [A-Z][a-z][a-z] \d\d \d\d:|"
                r'Audit trail record BEGIN|\{\s*(?:"|$)'
            }
        },
        "cas",
    ),
    tag="apereo.cas",
    time=iso("time"),
    patterns=(
        rf"{_TIME} (?P<level>[A-Z]{{4,5}}) +\[(?P<logger>[^\]\n]++)\] - (?P<text>.*)",
        r"(?P<text>(?:Audit trail record BEGIN|\{).*)",
        r"(?P<text>(?:[A-Z][a-z]{2} [A-Z][a-z]{2} \d|\d{4}-\d\d-\d\d)[^|,\n]*[|,].*)",
    ),
    refine=_take_answers,
    entities={"addresses": "client_ip_address server_ip_address", "users": "who"},
)
