"""Audit files of Oracle Database: the operating system's audit trail, a record of many lines behind each time."""

from __future__ import annotations

import re

from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_NAME = re.compile(r"""(?<![A-Za-z$])([A-Z][A-Z$_ ]{1,40}?) ?:(?: ?\[(\d{1,9})\])? ?(['"])""")
_CLOSING = re.compile(r"""['"][ \t]*(?=\n|\Z|[A-Z][A-Z$_ ]{1,40}:)""")
_HOST = re.compile(r"\(HOST=([^()]+)\)")
_INTEGERS = frozenset("LENGTH STATUS RETURNCODE ACTION_NUMBER ENTRYID STATEMENT SESSIONID DBID".split())


def _take_fields(meta: MetaData, event: Event) -> None:
    """Put the fields of a record into the event; blanks in their names become underscores, and empty values null.

    `client_ip` is the host in the address of the client, which is as Oracle Net writes it.

    Oracle writes how many characters a value has, since it may have quotes and lines of its own. If the number does not
    lead to a quote, as it counts bytes, the value ends at the quote before the next name.
    """
    text = event.pop("text", None)
    if text is None:
        return
    at = 0
    while name := _NAME.search(text, at):
        length, quote = name[2], name[3]
        start = name.end()
        end = start + int(length) if length else len(text)
        if not (text.startswith(quote, end) and _CLOSING.match(text, end)):
            end = _end_of(text, start)
        value = text[start:end]
        key = name[1].strip().replace(" ", "_")
        is_number = key in _INTEGERS and value.isascii() and value.isdigit()
        event[key] = int(value) if is_number else value or None
        at = end + 1
    if address := _HOST.search(event.get("CLIENT_ADDRESS") or ""):
        event["client_ip"] = address[1]
    status = event.get("STATUS", event.get("RETURNCODE"))
    user = event.get("DATABASE_USER") or event.get("USERID") or "-"
    action = " ".join((event.get("ACTION") or "-").split())
    meta.message = f"{user}: {action} from {event.get('USERHOST') or '-'}: {status}"


def _end_of(text: str, start: int) -> int:
    following = _NAME.search(text, start)
    while following and not following[2]:  # a text such as `A: 'b'` in a statement
        following = _NAME.search(text, following.end())
    value = text[start : following.start() if following else len(text)].rstrip()
    return start + len(value) - value.endswith(("'", '"'))


ORACLE_AUDIT = Patterns(
    "oracle-audit",
    "audit files of Oracle Database (.aud): statements and sessions of users and administrators, of any version",
    "https://docs.oracle.com/cd/E11882_01/network.112/e36292/auditing.htm",
    chain=({"multiline": {"start": r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"}}, "oracle-audit"),
    tag="oracle.audit",
    patterns=(
        r"[A-Z][a-z]{2} (?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: [+-]\d\d:\d\d)?)\s+"
        r"(?P<text>(?:LENGTH|SESSIONID|ACTION) ?:.*)",
        r"(?P<header>Audit file .*)",
    ),
    time=stamp("time"),
    refine=_take_fields,
    rules=(Rule("header", "the lines at the top of a file", when=lambda event: "header" in event),),
    entities={
        "users": "DATABASE_USER USERID CURRENT_USER CLIENT_USER OS$USERID",
        "hosts": "USERHOST",
        "addresses": "client_ip",
    },
)
