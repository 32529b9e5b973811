"""Formats of no vendor: JSON, syslog, Fluentd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from slips import times
from slips.errors import ReaderError, RecordError
from slips.format import Bad, Elements, Event, Limited, Parse, Parsed, RecordLimits, parser
from slips.formats.containers import elements_of
from slips.formats.json_text import MORE_LEVELS, has_too_many_values, load_json, load_odd_json, shallow_decoder
from slips.model import MetaData


@parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    takes="text",
    raw=True,
)
@Limited
def json(limits: RecordLimits) -> Parse:
    """Decode a JSON object, or an array of objects, to events. Raises RecordError for any other JSON.

    If an array has more values than allowed, its elements are read one by one, and each may have as many values.
    """
    decode, small = shallow_decoder(limits.depth), 2 * limits.values

    def parse(_meta: MetaData, raw: bytes) -> Parsed:
        nonlocal decode
        if len(raw) > small and raw[:1].isspace() | (raw[:1] in b"[\xef") and _is_long_array(raw, limits.values):
            return Elements(lambda: _elements(raw, limits))
        try:
            value = decode(raw) if len(raw) <= small else load_json(raw, limits)
        except (ValueError, msgspec.MsgspecError) as refusal:
            value = load_odd_json(raw, limits, refusal)
            decode = shallow_decoder(limits.depth, MORE_LEVELS)  # one deep record in a log announces more of them
        if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
            event: Event | list[Event] = value
            return event
        raise RecordError(f"JSON {type(value).__name__} {_beginning(raw)}; expected an object")

    return parse


def _is_long_array(raw: bytes, values: int) -> bool:
    """Whether `raw` begins as an array and has more than `values` values, too many to hold at once."""
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[" and has_too_many_values(raw, values)


def _elements(raw: bytes, limits: RecordLimits) -> Iterator[Event]:
    """Yield the objects of an array, decoded as by `load_json`. Raises RecordError for an element of another kind."""
    within = replace(limits, bytes=len(raw), depth=limits.depth - 1)
    try:
        for number, each in enumerate(elements_of(raw, within), 1):
            if isinstance(each, Bad):
                raise RecordError(f"element {number}: {each.reason}")
            if isinstance(each, dict):  # always: `elements_of` yields dicts and Bad only
                yield each
    except ReaderError as error:
        raise RecordError(str(error)) from None


def _beginning(raw: bytes) -> str:
    return repr(raw[:40].decode("utf-8", "replace").rstrip("\r\n"))


# The start of a line that does not begin with plain `Mmm dd hh:mm:ss `: a priority, a one-digit day without padding, a
# fraction, a colon behind the time; or the time as rsyslog writes it by default.
_START = re.compile(
    r"(?:<(\d{1,3})>)?"
    r"(?:([A-Z][a-z][a-z] +\d\d? \d\d:\d\d:\d\d(?:\.\d+)?):?|(\d{4}-\d\d-\d\dT\S+))(?: |$)"
)
# Host, process and process number, before the colon. Some lines have no host, or only the space behind the host.
_HEAD = re.compile(r" *(?:(\S*[^\s:]) +)?([^\s:\[\]]+)(?:\[([^\s\[\]]*)\])?")
# A process name with spaces. Only a process number somewhere in the head distinguishes such a name from a sentence.
_SPACED_HEAD = re.compile(r"(?=.*\[\d+\])(\S+) +([^\s:][^:]*?)(?:\[(\d+)\])?")
_HEAD_LENGTH = 200
"""Most characters of a head, so that the cache of heads stays small."""
Head = tuple[str | None, str | None, str | None]
# Cache of parsed heads: a log has few, and a lookup is much faster than a match. Cleared when full.
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
    """Cut a line into `datetime` (the time as written), `hostname`, `proc_name`, `proc_id` (a text) and `message`.

    If the line lacks `hostname`, `proc_name` or `proc_id`, that field is None. A line with `<PRI>` adds `priority`,
    `facility` and `severity`, all int. The year comes from the object's event time. Raises RecordError for a line that
    does not begin with a time: in an entry of several lines, every line but the first.
    """
    priority = None
    if text[15:16] == " " and text[12] == ":":
        stamp, rest = text[:15], text[16:]
        meta.timestamp = times.stamp(stamp, meta.timestamp)
    else:
        priority, stamp, rest = _parse_start(meta, text)
    del text  # may be long, and `rest` is a copy
    head, colon, message = rest.partition(": ")
    cached = _HEADS.get(head)
    if cached is not None and colon:
        hostname, proc_name, proc_id = cached
    else:
        hostname, proc_name, proc_id, message = _parse_head(rest)
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


def _parse_start(meta: MetaData, text: str) -> tuple[int | None, str, str]:
    """Return priority, time as written, and the rest of the line. Set `meta.timestamp`."""
    start = _START.match(text)
    if not start:
        raise RecordError(f"line begins with {text[:24]!r}; expected a time such as 'Nov 21 06:00:24'")
    digits, stamp, iso_stamp = start.groups()
    priority = None if digits is None else int(digits)
    if priority is not None and priority > 191:
        raise RecordError(f"priority is '<{digits}>'; expected one from '<0>' to '<191>'")
    meta.timestamp = times.stamp(stamp, meta.timestamp) if stamp else times.iso(iso_stamp, "datetime")
    return priority, stamp or iso_stamp, text[start.end() :]


def _parse_head(rest: str) -> tuple[str | None, str | None, str | None, str]:
    """Return host, process, process number and message. If no process is named, all behind the host is the message."""
    head, colon, message = f"{rest} ".partition(": ")  # the space: a colon may end the line
    if colon and (parsed := _match_head(head)):
        if len(_HEADS) >= _HEADS_LIMIT:
            _HEADS.clear()
        _HEADS[head] = parsed
        return *parsed, message[:-1]
    head, colon, message = rest.partition("]:")  # some programs write no space behind the colon
    if colon and (parsed := _match_head(f"{head}]")):
        return *parsed, message
    if rest.startswith("---"):  # macOS: "--- last message repeated 1 time ---"
        return None, None, None, rest
    hostname, _, message = rest.partition(" ")
    return hostname or None, None, None, message


def _match_head(head: str) -> Head | None:
    if len(head) > _HEAD_LENGTH:
        return None
    match = _HEAD.fullmatch(head) or _SPACED_HEAD.fullmatch(head)
    return (match[1] or None, match[2], match[3] or None) if match else None


@parser(
    "fluentd-json",
    summary="Fluentd files (out_file): time, tag and JSON record, with tabs between",
    reference="https://docs.fluentd.org/formatter/out_file",
    takes="text",
    tag="<tag of the line>",
    raw=True,
)
@Limited
def fluentd_json(limits: RecordLimits) -> Parse:
    """Decode the JSON record behind the time and the tag of a line.

    A time without a zone is UTC; digits are seconds (`time_type unixtime`). Raises RecordError for a line without both
    tabs, and for JSON that is no object.
    """

    def parse(meta: MetaData, raw: bytes) -> Event:
        try:
            time, tag, record = raw.split(b"\t", 2)
            stamp, meta.tag = time.decode(), tag.decode("utf-8", "surrogateescape")
        except ValueError:
            raise RecordError(
                f"line begins with {_beginning(raw)}; expected time, tag and JSON with tabs between"
            ) from None
        meta.timestamp = times.number(stamp) if stamp[:10].isdigit() else times.iso(stamp)
        event: Event = load_json(record, limits)
        if event.__class__ is not dict:
            raise RecordError(f"record is JSON {type(event).__name__} {_beginning(record)}; expected an object")
        return event

    return parse
