"""Syslog lines as in /var/log/messages."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData

# Host, process and process number in the usual shape, behind a time of 15 characters. Bounds keep the time of a match
# small, however long the line is.
_HEAD = re.compile(r" ([^ ]{0,254}[^ :]) ([^ :\[\]]{1,128})(?:\[([^ \[\]]{0,128})\])?: ")
# The start of any line: a priority; the sequence number of Cisco, and its mark of a clock that is not set; a day of one
# digit, a year, a fraction, a colon behind the time; or the time as rsyslog writes it by default, where a space may be
# in it behind a priority.
_START = re.compile(
    r"(?:<(\d{1,3})> ?)?"
    r"(?:(?:\d{1,10}: )?[*.]?"
    r"([A-Z][a-z][a-z] {1,2}\d\d? (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?(?: (?:19|20)\d\d(?= ))?)(?: (?:UTC|GMT)(?=:))?:?"
    r"|(\d{4}-\d\d-\d\d(?:T|(?(1) |T))\S*?[^\s:]):?)(?: |$)"
)
_RFC_5424 = re.compile(r"<\d{1,3}>\d{1,2} (?:-|\d{4}-)")
# As _HEAD in any shape: some lines have no host, or only the space behind it, and an address of IPv6 may end with two
# colons. Cisco writes a colon before its mnemonics; macOS a level, or the number of the sender, behind the number.
_ODD_HEAD = re.compile(
    r" *+(?:([^ ]{0,254}[^ :]|[^ ]{0,254}::) ++(?:: ++(?=%))?)?([^ :\[\]]{1,128})"
    r"(?:\[([^ \[\]]{0,128})\](?: <\w{1,20}>| \(\[\d{1,20}\]\))?:(?: |$)?|:(?: |$))"
)
# A process name with spaces. Only a process number somewhere in the head distinguishes such a name from a sentence.
_SPACED_HEAD = re.compile(r"(?=.*\[\d+\])(\S+) +([^\s:][^:]*?)(?:\[(\d+)\])?(?: <\w+>| \(\[\d+\]\))?")
_LONGEST = 200
"""Most characters of a head with such a name."""
Head = tuple[str | None, str | None, str | None, str]
"""Host, process, process number and message."""


_last: tuple[str, float, float] = ("", 0.0, 0.0)
"""The last stamp, the time of its object, and its own: lines of one second follow each other. A miss costs 30 ns."""


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
    `facility` and `severity`, all int. If the line has no year, it comes from the object's event time. Raises
    RecordError for a line that does not begin with a time: in an entry of several lines, every line but the first.
    """
    global _last  # noqa: PLW0603 - one tuple, replaced as a whole
    meta.tag = "syslog"
    if head := _HEAD.match(text, 15):
        stamp, reference = text[:15], meta.timestamp
        last, known, seconds = _last
        if stamp != last or reference != known:
            try:
                seconds = times.stamp(stamp, reference)
            except RecordError:
                return _odd_line(meta, text)
            _last = stamp, reference, seconds
        meta.timestamp = seconds
        meta.message = message = text[head.end() :]
        hostname, proc_name, proc_id = head.groups()
        return {
            "datetime": stamp,
            "hostname": hostname,
            "proc_name": proc_name,
            "proc_id": proc_id or None,
            "message": message,
        }
    return _odd_line(meta, text)


def _odd_line(meta: MetaData, text: str) -> Event:
    """Cut a line of any other shape. Raises RecordError."""
    start = _START.match(text)
    if not start:
        if _RFC_5424.match(text):
            raise RecordError(f"line begins with {text[:24]!r}, as in RFC 5424; expected RFC 3164; use 'syslog-5424'")
        raise RecordError(f"line begins with {text[:24]!r}; expected a time such as 'Nov 21 06:00:24'")
    digits, stamp, iso_stamp = start.groups()
    priority = None if digits is None else int(digits)
    if priority is not None and priority > 191:
        raise RecordError(f"priority is '<{digits}>'; expected one from '<0>' to '<191>'")
    meta.timestamp = times.stamp(stamp, meta.timestamp) if stamp else times.iso(iso_stamp, "datetime")
    hostname, proc_name, proc_id, message = _odd_head(text[start.end() :])
    event: Event = {
        "datetime": stamp or iso_stamp,
        "hostname": hostname,
        "proc_name": proc_name,
        "proc_id": proc_id,
        "message": message,
    }
    if priority is not None:
        event |= {"priority": priority, "facility": priority >> 3, "severity": priority & 7}
    meta.message = message
    return event


def _odd_head(rest: str) -> Head:
    """Return host, process, process number and message. If no process is named, all behind the host is the message."""
    if found := _ODD_HEAD.match(rest):
        return found[1], found[2], found[3] or None, rest[found.end() :]
    head = f"{rest} " if len(rest) < _LONGEST else rest[:_LONGEST]  # the space: a colon may end the line
    for colon in (": ", "]:"):
        end = head.find(colon)
        if end > 0 and (found := _SPACED_HEAD.fullmatch(head, 0, end + (colon == "]:"))):
            return found[1], found[2], found[3], rest[end + 2 :]
    if rest.startswith("---"):  # macOS: "--- last message repeated 1 time ---"
        return None, None, None, rest
    hostname, _, message = rest.partition(" ")
    return hostname or None, None, None, message
