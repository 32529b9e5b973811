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
    """Raises RecordError for anything but an object or an array of objects.

    An array with more values than allowed is read element by element, and each may have as many.
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
            decode = shallow_decoder(limits.depth, MORE_LEVELS)  # where one record is deeper, others are
        if value.__class__ is dict or (value.__class__ is list and value and all(v.__class__ is dict for v in value)):
            event: Event | list[Event] = value
            return event
        raise RecordError(f"JSON {type(value).__name__} {_beginning(raw)}; expected an object")

    return parse


def _is_long_array(raw: bytes, values: int) -> bool:
    """Whether it begins as an array of so many values that they must not be held at once."""
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[" and has_too_many_values(raw, values)


def _elements(raw: bytes, limits: RecordLimits) -> Iterator[Event]:
    """The objects of an array, as `load_json` would have them."""
    within = replace(limits, bytes=len(raw), depth=limits.depth - 1)
    try:
        for number, each in enumerate(elements_of(raw, within), 1):
            if isinstance(each, Bad):
                raise RecordError(f"element {number}: {each.reason}")
            if isinstance(each, dict):  # it gives nothing else
                yield each
    except ReaderError as error:
        raise RecordError(str(error)) from None


def _beginning(raw: bytes) -> str:
    return repr(raw[:40].decode("utf-8", "replace").rstrip("\r\n"))


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
    del text  # it may be long
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
@Limited
def fluentd_json(limits: RecordLimits) -> Parse:
    """The JSON record, as `load_json` has it. A time without a zone is UTC; digits are seconds (`time_type unixtime`).

    Raises RecordError for a line without both tabs, and for JSON that is no object.
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
