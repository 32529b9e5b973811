"""Audit files of Oracle Database: the operating system's audit trail, a record of many lines behind each time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slips.errors import foreign_record
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns, stamp
from slips.parsing.conversions import integer_or_text

_NAME = re.compile(r"""(?<![A-Za-z$])([A-Z][A-Z$_ ]{1,40}?) ?:(?: ?\[(\d{1,9})\])? ?(['"])""")
_COUNT = re.compile(r":\[\d{1,9}\] ?['\"]")
_FEWEST = 3
"""Fields of a record that has no time of its own in front."""
_CLOSING = re.compile(r"""['"][ \t]*(?=\n|\Z|[A-Z][A-Z$_ ]{1,40}:)""")
_UNCOUNTED = re.compile(
    r"""(?:^|(?<=["'] ))(LENGTH|ACTION(?: NUMBER)?|DATABASE USER|PRIVILEGE|CLIENT (?:USER|TERMINAL|ADDRESS)|STATUS"""
    r"|DBID|SESSIONID|ENTRYID|STATEMENT|USERID|USERHOST|TERMINAL|RETURNCODE|[A-Z]{2,12}[$][A-Z]{2,12}) ?: ?",
    re.MULTILINE,
)
"""Names in files of versions before 11, which do not write how many characters a value has."""
_UNIFIED = re.compile(r"""LENGTH ?: ?'(\d{1,9})' (?=TYPE:")""")
"""Beginning of a record of the unified audit trail, of which Oracle sends these fields to syslog."""
_PAIR = re.compile(r"""([A-Z][A-Z0-9_]{1,30}):"((?:[^"]|"(?! [A-Z][A-Z0-9_]{1,30}:"|\s*\Z))*+)"\s*""")
_HOST = re.compile(r"\(HOST=([^()]+)\)")
_INTEGERS = frozenset(
    "LENGTH STATUS RETURNCODE RETCODE ACTION_NUMBER ENTRYID STATEMENT STMTID SESSIONID SESID DBID".split()
)


def _take_fields(meta: MetaData, event: Event) -> None:
    """Put the fields of a record into the event; blanks in their names become underscores, and empty values null.

    `client_ip` is the host in the address of the client, which is as Oracle Net writes it.

    Oracle writes how many characters a value has, since it may have quotes and lines of its own. If the number does not
    lead to a quote, as it counts bytes, the value ends at the quote before the next name. Raises RecordError for a text
    without a time in front that has too few fields.
    """
    text = event.pop("text", None)
    if text is None:
        return
    fields = [*_fields_of(text)]
    if "time" not in event and len(fields) < _FEWEST:
        raise foreign_record(
            f"{len(fields)} fields; expected a record of Oracle's audit trail behind a header of syslog"
        )
    for name, value in fields:
        key = name.strip().replace(" ", "_")
        is_number = key in _INTEGERS and value.isascii() and value.isdigit()
        event[key] = integer_or_text(value) if is_number else value or None
    if address := _HOST.search(event.get("CLIENT_ADDRESS") or event.get("COMMENT$TEXT") or ""):
        event["client_ip"] = address[1]
    status = event.get("STATUS", event.get("RETURNCODE", event.get("RETCODE")))
    user = event.get("DATABASE_USER") or event.get("USERID") or event.get("DBUSER") or "-"
    action = " ".join((event.get("ACTION") or "-").split())
    meta.message = f"{user}: {action} from {event.get('USERHOST') or '-'}: {status}"


def _fields_of(text: str) -> Iterator[tuple[str, str]]:
    if unified := _UNIFIED.match(text):
        return _unified(text, unified)
    return _counted(text) if _COUNT.search(text) else _uncounted(text)


def _unified(text: str, head: re.Match[str]) -> Iterator[tuple[str, str]]:
    yield "LENGTH", head[1]
    at = head.end()
    while pair := _PAIR.match(text, at):
        yield pair[1], pair[2]
        at = pair.end()
    if more := text[at:]:
        yield "more", more


def _counted(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while name := _NAME.search(text, at):
        length, quote = name[2], name[3]
        start = name.end()
        end = start + int(length) if length else len(text)
        if not (text.startswith(quote, end) and _CLOSING.match(text, end)):
            end = _end_of(text, start)
        yield name[1], text[start:end]
        at = end + 1


def _uncounted(text: str) -> Iterator[tuple[str, str]]:
    found = [*_UNCOUNTED.finditer(text)]
    ends = [*(each.start() for each in found[1:]), len(text)]
    for name, end in zip(found, ends, strict=True):
        value = text[name.end() : end].strip()
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        yield name[1], value[1:-1] if is_quoted else value


def _end_of(text: str, start: int) -> int:
    following = _NAME.search(text, start)
    while following and not following[2]:  # a text such as `A: 'b'` in a statement
        following = _NAME.search(text, following.end())
    value = text[start : following.start() if following else len(text)].rstrip()
    return start + len(value) - value.endswith(("'", '"'))


ORACLE_AUDIT = Patterns(
    "oracle-audit",
    "audit files of Oracle Database (.aud), and its audit records in syslog: statements and sessions, of any version",
    "https://docs.oracle.com/cd/E11882_01/network.112/e36292/auditing.htm",
    chain=({"multiline": {"start": r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"}}, "oracle-audit"),
    tag="oracle.audit",
    patterns=(
        r"[A-Z][a-z]{2} (?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: [+-]\d\d:\d\d)?)\s+"
        r"(?P<text>(?:LENGTH|SESSIONID|ACTION) ?:.*)",
        r"(?P<header>Audit file .*)",
        r"(?:Oracle (?:Unified )?Audit\[\d+\]: ?)?(?P<text>(?:LENGTH|SESSIONID|ACTION) ?:.*)",
    ),
    time=stamp("time"),
    absent="/",  # a user whom the operating system knows
    refine=_take_fields,
    rules=(Rule("header", "the lines at the top of a file", when=lambda event: "header" in event),),
    entities={
        "users": "DATABASE_USER USERID CURRENT_USER CLIENT_USER OS$USERID DBUSER CURUSER",
        "hosts": "USERHOST",
        "addresses": "client_ip",
    },
)
