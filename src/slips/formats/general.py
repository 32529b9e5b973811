"""Formats of no vendor: JSON, syslog, Fluentd."""

from __future__ import annotations

import json as stdlib_json
import re
from typing import Any

import msgspec

from slips import times
from slips.errors import RecordError
from slips.format import Event, Parsed, parser
from slips.model import MetaData

# msgspec is as fast as orjson here, and keeps integers beyond 64 bits exact where orjson rounds them to floats.
_decode = msgspec.json.Decoder().decode


def load_json(raw: bytes) -> Any:
    """Any JSON text. What strict decoders refuse but logs contain is read by the standard library instead: `NaN`,
    lone surrogates, a byte order mark, numbers beyond a double, bytes that are not UTF-8 (as `surrogateescape`).
    """
    try:
        return _decode(raw)
    except (ValueError, msgspec.DecodeError):
        text = raw.decode("utf-8-sig", "surrogateescape").rstrip("\r\n")
        try:
            return stdlib_json.loads(text)
        except ValueError as error:
            raise RecordError(f"not JSON: {error}") from None


@parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    takes="text",
    raw=True,
)
def json(_meta: MetaData, raw: bytes) -> Parsed:
    """Raises RecordError for anything but an object or an array of objects."""
    try:
        value = _decode(raw)
    except (ValueError, msgspec.DecodeError):
        value = load_json(raw)
    if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
        event: Event | list[Event] = value
        return event
    raise RecordError(f"JSON {type(value).__name__} {str(value)[:40]!r}; expected an object")


# What begins a line where it is not simply `Mmm dd hh:mm:ss `: a priority, a one-digit day without padding, a fraction,
# a colon behind; or the time as rsyslog writes it by default.
_START = re.compile(
    r"(?:<(\d{1,3})>)?"
    r"(?:([A-Z][a-z][a-z] +\d\d? \d\d:\d\d:\d\d(?:\.\d+)?):?|(\d{4}-\d\d-\d\dT\S+))(?: |$)"
)
# Host, process and its number, before the colon. Some lines have no host, or only the space behind it.
_HEAD = re.compile(r" *(?:(\S*[^\s:]) +)?([^\s:\[\]]+)(?:\[([^\s\[\]]*)\])?")
# A name with spaces: only a process number somewhere in it tells it from a sentence with a colon.
_SPACED_HEAD = re.compile(r"(?=.*\[\d+\])(\S+) +([^\s:][^:]*?)(?:\[(\d+)\])?")
_HEAD_LENGTH = 200
"""Longer is no head, so that the cache of them stays small."""
Head = tuple[str | None, str | None, str | None]
# What these make of a head. A log has few, and looking up is much faster than matching. Cleared when full.
_HEADS: dict[str, Head] = {}
_HEADS_LIMIT = 10_000


@parser(
    "syslog",
    summary="syslog lines as in /var/log/messages, with or without <PRI>",
    reference="https://www.rfc-editor.org/rfc/rfc3164",
    takes="text",
    tag="syslog",
)
def syslog(meta: MetaData, text: str) -> Event:
    """`datetime` (the time as it stands), `hostname`, `proc_name`, `proc_id` (a text) and `message`; the middle three
    are None where the line has none. With `<PRI>` also `priority`, `facility` and `severity`, all int.

    The year comes from the object's event time. Raises RecordError for a line that does not begin with a time: of an
    entry of several lines, all but the first.
    """
    priority = None
    if text[15:16] == " " and text[12] == ":":
        stamp, rest = text[:15], text[16:]
        meta.timestamp = times.stamp(stamp, meta.timestamp)
    else:
        priority, stamp, rest = _take_start(meta, text)
    head, colon, message = rest.partition(": ")
    known = _HEADS.get(head)
    if known is not None and colon:
        hostname, proc_name, proc_id = known
    else:
        hostname, proc_name, proc_id, message = _take_head(rest)
    event: Event = {
        "datetime": stamp,
        "hostname": hostname,
        "proc_name": proc_name,
        "proc_id": proc_id,
        "message": message,
    }
    if priority is not None:
        event |= {"priority": priority, "facility": priority >> 3, "severity": priority & 7}
    meta.tag = "syslog"
    meta.message = message
    return event


def _take_start(meta: MetaData, text: str) -> tuple[int | None, str, str]:
    """Priority, time, and what follows. Sets `meta.timestamp`."""
    found = _START.match(text)
    if not found:
        raise RecordError(f"line begins with {text[:24]!r}; expected a time such as 'Nov 21 06:00:24'")
    digits, stamp, iso_stamp = found.groups()
    priority = None if digits is None else int(digits)
    if priority is not None and priority > 191:
        raise RecordError(f"priority is '<{digits}>'; expected one from '<0>' to '<191>'")
    meta.timestamp = times.stamp(stamp, meta.timestamp) if stamp else times.iso(iso_stamp, "datetime")
    return priority, stamp or iso_stamp, text[found.end() :]


def _take_head(rest: str) -> tuple[str | None, str | None, str | None, str]:
    """Host, process, its number, and the message. Where there is no process, all but the host is message."""
    head, colon, message = f"{rest} ".partition(": ")  # the space: a colon may end the line
    if colon and (known := _match_head(head)):
        if len(_HEADS) >= _HEADS_LIMIT:
            _HEADS.clear()
        _HEADS[head] = known
        return *known, message[:-1]
    head, colon, message = rest.partition("]:")  # some put no space behind it
    if colon and (known := _match_head(f"{head}]")):
        return *known, message
    if rest.startswith("---"):  # macOS: "--- last message repeated 1 time ---"
        return None, None, None, rest
    hostname, _, message = rest.partition(" ")
    return hostname or None, None, None, message


def _match_head(head: str) -> Head | None:
    if len(head) > _HEAD_LENGTH:
        return None
    found = _HEAD.fullmatch(head) or _SPACED_HEAD.fullmatch(head)
    return (found[1] or None, found[2], found[3] or None) if found else None


@parser(
    "fluentd-json",
    summary="Fluentd files (out_file): time, tag and JSON record, with tabs between",
    reference="https://docs.fluentd.org/formatter/out_file",
    takes="text",
    tag="<tag of the line>",
    raw=True,
)
def fluentd_json(meta: MetaData, raw: bytes) -> Event:
    """The JSON record, as `load_json` has it. A time without a zone is UTC; digits are seconds (`time_type unixtime`).

    Raises RecordError for a line without both tabs, and for JSON that is no object.
    """
    try:
        time, tag, record = raw.split(b"\t", 2)
        stamp, meta.tag = time.decode(), tag.decode("utf-8", "surrogateescape")
    except ValueError:
        shown = raw[:40].decode("utf-8", "replace")
        raise RecordError(f"line begins with {shown!r}; expected time, tag and JSON with tabs between") from None
    meta.timestamp = times.number(stamp) if stamp[:10].isdigit() else times.iso(stamp)
    event: Event = load_json(record)
    if event.__class__ is not dict:
        raise RecordError(f"record is JSON {type(event).__name__} {str(event)[:40]!r}; expected an object")
    return event
