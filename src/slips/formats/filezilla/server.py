"""Logs of FileZilla Server: lines of sessions, commands and replies, as version 1 writes them and as 0.9 did."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_REPLY = re.compile(r"(\d{3})(?:[ -]|\Z)")
_COMMAND = re.compile(r"([A-Za-z]{3,4})(?: (.*))?", re.DOTALL)
_KINDS = {
    **{"==": "status", "!!": "error", "WW": "warning", ">>": "command", "<<": "reply"},
    **{"DW": "debug", "DI": "debug", "DV": "debug", "DD": "debug", "PP": "private"},
}
"""The kinds of lines of version 1, by the two characters behind the time."""
_LOCAL = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})\.? (\d{1,2})[:.](\d\d)[:.](\d\d)(?: ([AaPp])\.?[Mm]\.?)?", re.ASCII
)


def _local_time(text: str) -> float:
    """Convert a date and a clock as Windows writes them for its user to epoch seconds. Raises RecordError.

    The year is first if it has four digits there. Else the day is, unless AM or PM stand behind slashes, as in the
    United States, or no month has the number.
    """
    if not (found := _LOCAL.fullmatch(text)):
        raise _no_time(text)
    first, mark, second, third, hour, minute, seconds, half = found.groups()
    if len(first) == 4:
        year, month, day = first, second, third
    else:
        is_american = mark == "/" and half is not None
        month, day, year = (first, second, third) if is_american else (second, first, third)
        if int(month) > 12:
            month, day = day, month
    in_24 = int(hour) % 12 + (12 if half in ("P", "p") else 0) if half else int(hour)
    century = "20" if len(year) == 2 else ""
    try:
        return times.iso(f"{century}{year}-{month:0>2}-{day:0>2}T{in_24:02}:{minute}:{seconds}")
    except RecordError:
        raise _no_time(text) from None


def _no_time(text: str) -> RecordError:
    return RecordError(f"'local_time' is {text!r:.60}; expected one such as '29.11.2026 08:00:00'")


def _take_apart(meta: MetaData, event: Event) -> None:
    """Name the kind of a line, the command or the code of the reply in it, and read the time."""
    text = event["message"]
    if (local := event.get("local_time")) is not None:
        meta.timestamp = _local_time(local)
        if "user" in event:
            event["user"] = event["user"].rstrip()
        is_reply = is_command = True  # nothing but the text tells
    else:
        meta.timestamp = times.iso(event["time"])
        event["kind"] = _KINDS.get(event["mark"], "other")
        is_reply, is_command = event["kind"] == "reply", event["kind"] == "command"
    if is_reply and (reply := _REPLY.match(text)):
        event["code"] = int(reply[1])
    elif is_command and (command := _COMMAND.fullmatch(text)) and (command[1].isupper() or local is None):
        event["command"] = command[1].upper()
        if command[2]:
            event["argument"] = command[2]
    if local is not None:
        event["kind"] = "reply" if "code" in event else "command" if "command" in event else "status"
    meta.message = " ".join(filter(None, (event.get("user"), event.get("client_ip"), text)))


_HEAD = r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<mark>==|!!|WW|>>|<<|D[WIVD]|PP) "

# Times of version 1 are UTC; those of 0.9 are of the clock of the machine: `timezone:` of the mapping says where it is.
FILEZILLA = Patterns(
    "filezilla",
    "FileZilla Server: sessions, commands and replies of FTP, as version 1 writes them and as version 0.9 did",
    "https://wiki.filezilla-project.org/FileZilla_FTP_Server",
    tag="filezilla.server",
    patterns=(
        rf"{_HEAD}\[(?P<module>FTP Session) (?P<session>\d{{1,18}}) (?P<client_ip>[^ \],/]++)(?: (?P<user>[^\]]++))?\] "
        r"(?P<message>.*)",
        rf"{_HEAD}\[(?P<module>[^\]]++)\] (?P<message>.*)",
        rf"{_HEAD}(?P<message>.*)",
        r"\((?P<session>\d{1,18})\) ?(?P<local_time>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.? \d{1,2}[:.]\d\d[:.]\d\d"
        r"(?: [AaPp]\.?[Mm]\.?)?) - (?:\(not logged in\) |(?P<user>[^(]*+))\((?P<client_ip>[^()]++)\)> "
        r"(?P<message>.*)",
    ),
    integers="session",
    refine=_take_apart,
    entities={"addresses": "client_ip", "users": "user"},
)
