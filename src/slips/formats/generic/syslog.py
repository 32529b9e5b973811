"""Syslog lines as in /var/log/messages."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData

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
