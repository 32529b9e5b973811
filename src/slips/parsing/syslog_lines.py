"""Lines of syslog to events: RFC 3164 in the shapes that programs write, RFC 5424, and either as a header of a product.

Patterns are bounded, so that the time of a match grows with the length of a line at most. No time is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from slips import times
from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits, too_many_values

FACILITIES = {
    **{
        name: number
        for number, name in enumerate("kern user mail daemon auth syslog lpr news uucp cron authpriv".split())
    },
    **{"ftp": 11, "ntp": 12, "security": 13, **{f"local{number}": 16 + number for number in range(8)}},
}
LEVELS = {
    **{"emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warn": 4, "warning": 4},
    **{"notice": 5, "info": 6, "debug": 7},
}
"""The names of facilities and of severities that `syslog.h` has, and their numbers."""
# A process with the number of a thread, such as Unbound's 'unbound[17:0] info: ', is no host; JSON begins with none.
_HOST, _NAME, _PID = r"(?!\w{1,60}\[\d{1,10}:)[^ ]{0,254}[^ :]", r"(?!\{\")[^ :\[\]]{1,128}", r"[^ \[\]]{0,128}"
_STAMP = r"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
USUAL_3164 = re.compile(
    rf"(?:<(\d{{1,3}})>)?({_STAMP}|{_ISO}) ({_HOST}) ({_NAME})(?:\[({_PID})\])?: (?!\[ID \d)(.*)",
    re.DOTALL | re.ASCII,
)
"""Priority, time, host, process, process number and message of a line in the usual shape: most lines."""
# The start of any line: a priority; the sequence number of Cisco, and its mark of a clock that is not set; a day of one
# digit, a year, a fraction, a zone, a colon behind the time; or the time as rsyslog writes it by default, where a space
# may be in it behind a priority, and another one before its zone, as web firewalls of Barracuda have it; the time as
# macOS writes it (log show --style syslog), known by its zone and the number of a process behind it. A word in
# capitals and its colon are a zone before a mnemonic of Cisco; else, if no such zone is known, they are a process.
_START = re.compile(
    r"(?:<(\d{1,3})> ?)?"
    r"(?:(?:\d{1,10}: )?[*.]?"
    r"([A-Z][a-z][a-z] {1,2}\d\d? (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?(?: (?:19|20)\d\d(?= ))?"
    rf"(?: (?:{'|'.join(times.ZONES)})(?=:)| [A-Z]{{1,4}}(?=: ?%))?):?"
    r"|(\d{4}-\d\d-\d\d(?:(?:T|(?(1) |T))\S*?[^\s:](?: [+-]\d\d:?\d\d(?!\S))?"
    r"| \d\d:\d\d:\d\d\.\d{6}[+-]\d{4}(?= {1,2}[^ ]{1,255} [^ \[\]]{1,128}\[\d{1,10}\]: ))):?)(?: |\Z)",
    re.ASCII,
)
# Host, process and process number. Some lines have no host, or only the space behind it, and an address of IPv6 may end
# with two colons. Cisco writes a colon before its mnemonics; macOS a level, or the number of the sender, behind the
# number.
_HEAD = re.compile(
    rf" *+(?:({_HOST}|[^ ]{{0,254}}::) ++(?:: ++(?=%))?)?({_NAME})"
    rf"(?:\[({_PID})\](?: <\w{{1,20}}>| \(\[\d{{1,20}}\]\))?:(?: |\Z)?|:(?: |\Z))"
)
# A process name with spaces. Only a process number somewhere in the head distinguishes such a name from a sentence.
_SPACED_HEAD = re.compile(r"(?=.*\[\d+\])(\S+) +([^\s:][^:]*?)(?:\[(\d+)\])?(?: <\w+>| \(\[\d+\]\))?")
# Facility and level between host and process, as syslogd of BusyBox has them: OpenWrt, UniFi, Asus.
_LEVEL_HEAD = re.compile(
    rf" *+({_HOST}) ++({'|'.join(FACILITIES)})\.({'|'.join(LEVELS)}) ++({_NAME})(?:\[({_PID})\])?:(?: |\Z)"
)
_MARK = re.compile(rf" *+<({'|'.join(FACILITIES)}|\d{{1,2}})\.({'|'.join(LEVELS)}|[0-7])> ", re.ASCII)
"""Facility and level behind the time, as syslogd of FreeBSD has them with `-v`, with `-vv` by name: NetScaler."""
_THREAD_HEAD = re.compile(r" *+(\w{1,60})\[(\d{1,10}:[0-9a-f]{1,20})\] ", re.ASCII)
_PRIORITY = re.compile(r"<(\d{1,3})> ?", re.ASCII)
_MESSAGE_ID = re.compile(rf"\[ID (\d{{1,10}}) ({'|'.join(FACILITIES)})\.({'|'.join(LEVELS)})\](?: |\Z)", re.ASCII)
"""The number of a message's text, with facility and level, in front of the message: Solaris and illumos.
https://docs.oracle.com/cd/E86824_01/html/E54764/msgid-1m.html"""
_LONGEST = 200
"""Most characters of a head with such a name."""

_TIME_5424 = r"-|\d{4}-\d\d-\d\dT\S{1,60}"
_FRONT = re.compile(rf"(?:<(\d{{1,3}})>(?:1 )?)?({_STAMP}|{_ISO}) (?:({_HOST}) )?", re.ASCII)
"""A header in front of a product's line: mostly priority, time and host, CyberArk's with the version of RFC 5424."""
_FRONT_OF_JSON = re.compile(rf"<(\d{{1,3}})>1 ({_ISO}) ({_HOST}) (?=\{{)", re.ASCII)
"""The same in front of JSON, whose first words are no process, number and kind."""
USUAL_5424 = re.compile(
    rf"<(\d{{1,3}})>\d{{1,2}} ({_TIME_5424})" + 4 * " ([^ ]{1,255})" + " -(?: |\\Z)\ufeff?(.*)", re.DOTALL | re.ASCII
)
"""Priority, time, host, process, process number, kind and message of a line of RFC 5424 without structured data."""
# Some senders write nothing for `-`, or the number of octets before the line (RFC 6587); files may lack `<PRI>`.
_START_5424 = re.compile(
    rf"(?:(?:\d{{1,9}} )?<(\d{{1,3}})>\d{{1,2}}|1(?= \d)) ({_TIME_5424})" + 4 * " ([^ ]{0,255})" + "(?: |\\Z)", re.ASCII
)
_IS_5424 = re.compile(r"<\d{1,3}>\d{1,2} (?:-|\d{4}-)|1 \d{4}-\d\d-\d\dT\d\d:\d\d:", re.ASCII)
_ELEMENT = re.compile(r"\[([^ =\]\"]{1,128})")
_PARAMETER = re.compile(r' +([^ =\]"]{1,128})= ?"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_PARAMETER_BEGINS = re.compile(r' +[^ =\]"]{1,128}= ?"')
_ESCAPE = re.compile(r'\\(["\\\]])')


def read_3164(text: str) -> Event:
    """Cut a line as RFC 3164 describes it, in any shape. Raises RecordError for a line that begins with no time."""
    start = _START.match(text)
    if not start:
        if _IS_5424.match(text):
            raise foreign_record(
                f"line begins with {text[:24]!r}, as in RFC 5424; expected RFC 3164; use 'syslog-5424'"
            )
        raise foreign_record(f"line begins with {text[:24]!r}; expected a time such as 'Nov 21 06:00:24'")
    digits, stamp, iso_stamp = start.groups()
    priority = read_priority(digits) if digits else {}
    if not digits and (found := _LEVEL_HEAD.match(text, start.end())):
        hostname, facility, level, proc_name, proc_id = found.groups()
        fields = {
            "datetime": stamp or iso_stamp,
            "hostname": hostname,
            "proc_name": proc_name,
            "proc_id": proc_id or None,
        }
        return {
            **fields,
            "message": text[found.end() :],
            **read_priority(str(8 * FACILITIES[facility] + LEVELS[level])),
        }
    end = start.end()
    if not digits and (found := _MARK.match(text, end)):
        facility, level = found.groups()
        priority = read_priority(str(8 * _number(facility, FACILITIES) + _number(level, LEVELS)))
        end = found.end()
    hostname, proc_name, proc_id, message = _cut_head(text[end:])
    msg_id: Event = {}
    if found := _MESSAGE_ID.match(message):
        number, facility, level = found.groups()
        named = read_priority(str(8 * FACILITIES[facility] + LEVELS[level]))
        if priority in ({}, named):  # else the brackets have what the line has nowhere else
            priority, msg_id, message = named, {"msg_id": number}, message[found.end() :]
    return {
        "datetime": stamp or iso_stamp,
        "hostname": hostname,
        "proc_name": proc_name,
        "proc_id": proc_id,
        **msg_id,
        "message": message,
        **priority,
    }


def read_header(text: str, limits: RecordLimits = RecordLimits()) -> Event:  # noqa: B008 - frozen
    """Cut a line whose `message` is a line of another product, as either document says. Raises RecordError."""
    if not _IS_5424.match(text):
        return read_3164(text)
    if found := _FRONT_OF_JSON.match(text):
        digits, time, hostname = found.groups()
        fields = {"datetime": time, "hostname": hostname, "proc_name": None, "proc_id": None}
        return {**fields, "message": text[found.end() :], **read_priority(digits)}
    event = read_5424(text, limits)
    event["message"] = event["message"].removeprefix(" ")  # rsyslog keeps the blank behind the colon of RFC 3164
    return event


def read_any(text: str, limits: RecordLimits) -> Event:
    """Cut a line whose `message` is a line of another product, behind a header as either document says, a `<PRI>`
    alone, or nothing."""
    try:
        return read_header(text, limits)
    except RecordError:
        found = _PRIORITY.match(text)
        if found is None or int(found[1]) > 191:
            return {"message": text}
        return {"message": text[found.end() :], **read_priority(found[1])}


def read_front(text: str, limits: RecordLimits) -> Event:
    """Return the fields of a header alone, those that it has; `header`, the text itself, if it is none of syslog."""
    if found := _FRONT.fullmatch(text):
        priority, time, host = found.groups()
        fields = {"datetime": time} if host is None else {"datetime": time, "hostname": host}
        return fields | read_priority(priority) if priority else fields
    try:
        header = read_header(text, limits)
    except RecordError:
        return {"header": text.strip()} if text.strip() else {}
    if header["message"].strip():
        header["header"] = header["message"]
    return {name: value for name, value in header.items() if value is not None and name != "message"}


def read_priority(digits: str) -> Event:
    """Return `priority`, `facility` and `severity` of a `<PRI>`. Raises RecordError."""
    priority = int(digits)
    if priority > 191:
        raise RecordError(f"priority is '<{digits}>'; expected one from '<0>' to '<191>'")
    return {"priority": priority, "facility": priority >> 3, "severity": priority & 7}


def _number(text: str, names: Mapping[str, int]) -> int:
    return names[text] if text in names else int(text)


def _cut_head(rest: str) -> tuple[str | None, str | None, str | None, str]:
    """Return host, process, process number and message. If no process is named, all behind the host is the message."""
    if found := _HEAD.match(rest):
        return found[1], found[2], found[3] or None, rest[found.end() :]
    head = f"{rest} " if len(rest) < _LONGEST else rest[:_LONGEST]  # the space: a colon may end the line
    for colon in (": ", "]:"):
        end = head.find(colon)
        if end > 0 and (found := _SPACED_HEAD.fullmatch(head, 0, end + (colon == "]:"))):
            return found[1], found[2], found[3], rest[end + 2 :]
    if found := _THREAD_HEAD.match(rest):
        return None, found[1], found[2], rest[found.end() :]
    if rest.startswith(("---", '{"')):  # macOS: "--- last message repeated 1 time ---"; or JSON
        return None, None, None, rest
    hostname, _, message = rest.partition(" ")
    return hostname or None, None, None, message


def read_5424(text: str, limits: RecordLimits, *, structured: bool = True) -> Event:
    """Cut a line of RFC 5424. `-` becomes None; a parameter that is repeated has a list of its values.

    A line without structured data, not even `-`, is read as some senders write it. If none is to be looked for, it is
    not `structured`. Raises RecordError.
    """
    start = _START_5424.match(text)
    if not start:
        raise foreign_record(
            f"line begins with {text[:24]!r}; expected RFC 5424, such as '<34>1 2003-10-11T22:14:15Z …'"
        )
    digits, *fields = start.groups()
    time, hostname, proc_name, proc_id, msg_id = (None if field in ("", "-") else field for field in fields)
    data, end = _read_data(text, start.end(), limits) if structured else (None, start.end())
    return {
        "datetime": time,
        "hostname": hostname,
        "proc_name": proc_name,
        "proc_id": proc_id,
        "msg_id": msg_id,
        "structured_data": data,
        "message": text[end:].removeprefix("\ufeff"),
        **(read_priority(digits) if digits else {}),
    }


def _read_data(text: str, start: int, limits: RecordLimits) -> tuple[Event | None, int]:
    """Return the structured data that begins at `start`, and where the message begins. Raises RecordError."""
    if text.startswith("-", start) and text[start + 1 : start + 2] in (" ", ""):
        return None, start + 2
    data: Event = {}
    at, values, parameters = start, 0, 0
    while element := _ELEMENT.match(text, at):
        at = element.end()
        known = data.setdefault(element[1], {})
        values += 1
        while parameter := _PARAMETER.match(text, at):
            at = parameter.end()
            parameters += 1
            name, value = parameter.groups()
            if "\\" in value:
                value = _ESCAPE.sub(r"\1", value)
            if name not in known:
                known[name] = value
            elif isinstance(known[name], list):
                known[name].append(value)
            else:
                known[name] = [known[name], value]
        if values + parameters > limits.values:
            raise too_many_values(limits.values)
        if not text.startswith("]", at):
            if parameters or _PARAMETER_BEGINS.match(text, at):
                raise RecordError(f"structured data has {text[at : at + 40]!r}; expected ' name=\"value\"' or ']'")
            return None, start  # a message in brackets
        at += 1
    if data and text[at : at + 1] in (" ", ""):
        return data, at + 1
    return (data, at) if parameters else (None, start)
