"""Logs of Asterisk: messages and security events of its logger, and call detail records (CDR)."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, Patterns, iso, stamp

_START = r"\[(?:\d{4}-\d\d-\d\d|[A-Z][a-z][a-z] [ \d]\d)[ T]"
_PAIR = re.compile(r'([A-Za-z]{1,40})="((?:[^"\\]|\\.|"(?!,[A-Za-z]{1,40}="|\Z))*+)"(?:,|\Z)')
"""A pair of a security event. Asterisk does not escape the quotes in a value, which whoever calls may choose; of two
pairs with one name, the last is its own.
"""
_ADDRESS = re.compile(r"IPV[46]/([A-Z]{2,4})/(.{2,60})/(\d{1,5})")
_CLIENT = r"(?P<client_ip>\d[0-9.]{6,14}|\[?[0-9a-fA-F:.]{2,45}?\]?)(?::(?P<client_port>\d{1,5}))?"
_FAILED = tuple(
    re.compile(pattern.replace("CLIENT", _CLIENT), re.DOTALL)
    for pattern in (
        r"(?:Registration|Request(?: '(?P<request>[A-Z]{1,20})')?) from '(?P<peer>.{0,400}?)' failed for 'CLIENT'"
        r"(?: \(callid: (?P<call_id>[^)]{0,300})\))? - (?P<reason>.*)",
        r"Call from '(?P<peer>[^']{0,400})' \(CLIENT\) to extension '(?P<extension>[^']{0,400})' rejected because "
        r"(?P<reason>.*)",
        r"(?:Host )?CLIENT (?P<reason>failed (?:to authenticate as|MD5 authentication for|to pass IP ACL as)"
        r"|tried to authenticate with nonexistent user) '(?P<user>[^']{0,400})'.*",
        r"(?P<reason>No registration for peer) '(?P<user>[^']{0,400})' \(from CLIENT\).*",
        r"(?P<reason>hacking attempt detected) 'CLIENT'",
    )
)
"""Messages on whoever is not let in: by SIP, IAX2, or the manager interface."""
_SIP_USER = re.compile(r"sips?:([^@<>;:]{1,255}+)@")


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the pairs of a security event, or the parts of a refused registration. Raises RecordError."""
    text = event["text"]
    if "SecurityEvent" in event:
        end = 0
        while found := _PAIR.match(text, end):
            name, value = found[1], found[2].replace('\\"', '"')
            event[name] = int(value) if name == "EventVersion" and value.isdecimal() else value or None
            end = found.end()
        if end < len(text):
            raise RecordError(
                f"{text[end : end + 60]!r} in a security event; expected pairs such as 'Service=\"PJSIP\"'"
            )
        for side, name in (("local", "LocalAddress"), ("remote", "RemoteAddress")):
            if address := _ADDRESS.fullmatch(event.get(name) or ""):
                event |= {f"{side}_transport": address[1], f"{side}_ip": address[2], f"{side}_port": int(address[3])}
        account, peer = event.get("AccountID") or "-", event.get("remote_ip", "-")
        meta.message = f"{event['SecurityEvent']} {event.get('Service', '-')} {account} from {peer}"
        return
    if failed := next(filter(None, (pattern.fullmatch(text) for pattern in _FAILED)), None):
        event |= {name: value for name, value in failed.groupdict().items() if value is not None}
        event["client_ip"] = event["client_ip"].strip("[]")
        if "client_port" in event:
            event["client_port"] = int(event["client_port"])
        if "user" not in event and (user := _SIP_USER.search(event.get("peer", ""))):
            event["user"] = user[1]
    meta.message = f"{event['level']} {' '.join(text.split())}".rstrip()


_HEAD = (
    r"(?:\[(?P<time>[^\]]{12,40})\] )?(?P<level>[A-Z][A-Z0-9_]*) ?\[(?P<thread>\d+)\](?:\[(?P<call>C-[0-9a-f]+)\])?:? "
    r"(?P<file>[^ :]+)(?::(?P<line>\d+))?(?:(?: in)? (?P<function>\w+))?: ?"
)

# What its logger sends to syslog has no time but that of the header: [syslog, asterisk].
# The times are of the clock of the server, unless `dateformat` has a zone: `timezone:` of the mapping says where it is.
# That of a security event has a zone; in old versions it is a pair of numbers, and the line's counts.
ASTERISK = Patterns(
    "asterisk",
    "Asterisk: messages of its logger (full, messages, security), with security events and refused registrations",
    "https://docs.asterisk.org/Operation/Logging/Logging-Configuration/",
    chain=({"multiline": {"start": _START}}, "asterisk"),
    time=stamp("EventTV", "time"),
    tag="asterisk.{SecurityEvent|level}",
    patterns=(
        rf'{_HEAD}(?P<text>SecurityEvent="(?P<SecurityEvent>[A-Za-z]+)"'
        r'(?:,EventTV="(?P<EventTV>\d{4}-[^"]*)")?.*)',
        rf"{_HEAD}(?P<text>.*)",
    ),
    integers="thread line",
    refine=_name_parts,
    entities={"addresses": "remote_ip local_ip client_ip", "users": "AccountID user"},
)

# A row of cdr_csv has the account first, and the last two columns by options alone; one of cdr_custom, as its example
# configures it, the caller. Of rows with as many columns, their numbers tell which they are.
_CALL = "dcontext channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags"
_DEFAULT = f"accountcode src dst {_CALL.replace('dcontext', 'dcontext clid', 1)}"
ASTERISK_CDR = Csv(
    "asterisk-cdr",
    "Asterisk call detail records (CDR): Master.csv of cdr_csv, and of cdr_custom as its example configures it",
    "https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/",
    time=iso("start"),
    tag="asterisk.cdr",
    message="{disposition} {src|'-'} to {dst|'-'}, {billsec} s",
    columns=f"{_DEFAULT} uniqueid userfield",
    others=(f"clid src dst {_CALL} accountcode uniqueid userfield", f"{_DEFAULT} uniqueid", _DEFAULT),
    absent="",
    integers="duration billsec",
    entities={"users": "src dst accountcode"},
)
