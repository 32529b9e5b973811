"""Messages of Cisco's operating systems: IOS, IOS XE, IOS XR, NX-OS; and of its firewalls ASA, FTD and PIX.

A message is `%FACILITY-SEVERITY-MNEMONIC: text`, behind a header of syslog in one of many shapes, or none.
"""

from __future__ import annotations

import re
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event, RecordLimits
from slips.model import MetaData
from slips.parsing import Patterns, Regex
from slips.parsing.syslog_lines import read_any

_PATTERN = r"(?P<header>[^%]*)%(?P<code>[A-Za-z0-9_-]+) ?:? ?(?P<message>.*)"
_REPEATED = r"(?P<header>[^%]{0,200}?)(?P<message>last message repeated (?P<repeated>\d{1,9}) times?\b.*)"
_ZONE = re.compile("UTC|GMT|[ECMP][SD]T|[CEW]ES?T|MSK|JST|AE[SD]T|NZ[SD]T")
_ORIGIN = re.compile(r"(?:\d+: )?(?!\d+(?:$|: ))([A-Za-z0-9.:_-]*[A-Za-z0-9_])(?:: \d+|: \*\w+)?")
"""The host in what is left of a header: between the numbers of the message, of the host and of the device, or
before the task of a wireless controller."""
_CODE = re.compile(r"(.+)-([0-7ACEWNID])-([A-Za-z0-9_]+)")
_LETTERS = {"A": 1, "C": 2, "E": 3, "W": 4, "N": 5, "I": 6, "D": 7}
"""The severities of switches for small businesses: alert, critical, error, warning, notice, informational, debug."""
_MONTH = re.compile(
    r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)(?= {1,2}\d)"
)
"""A month that is written out."""
_YEAR_FIRST = re.compile(r"(^(?:<\d{1,3}>)?(?:: )?|: |(?<=\d):| )(\d{4}) ([A-Z][a-z][a-z] {1,2}\d{1,2}) ")
_OWN_TIME = re.compile(
    r"(?:^|[ *.:])([A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?)"
    r"(?: ([A-Za-z]{3,7})(?![A-Za-z+-])| (?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?)?(?=$|: ?[A-Za-z_]\w*\[\d+\]$)"
)
"""The device's own time, at the end of a header, or before the process of IOS XR: "Oct 7 07:19:43 UTC: acl[310]"."""
_ZONED = re.compile(
    r"(?:<\d{1,3}>)?(?:\d{1,10}: [*.]?|[*.]|(?=[^.]*\.\d))"
    r"[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})? ([A-Za-z]{3,7}): ?"
)
"""A header of a router alone, which its number, the mark of its clock or milliseconds distinguish: no host, a zone."""
_SEQUENCE = re.compile(r"(?:<\d{1,3}>)?(\d{1,10}): (?=[*.]?[A-Z][a-z]{2} [ \d]|\d{1,3}[:ywd]\d)")
"""The number of a message, with `service sequence-numbers`, in front of its time."""
_NUMBER = re.compile(r"[0-9]{1,10}")
_UPTIME = re.compile(r"(?:\d{1,10}: )?(\d{1,3}:\d\d:\d\d(?:\.\d{1,3})?|\d{1,3}[ywd]\d{1,2}[wdh])")
"""The time since the start, with `service timestamps log uptime`."""
_LIMITS = RecordLimits()
_LENGTH = 2_048
"""Characters of a message in which its parts are looked for: all messages of routers and firewalls are shorter."""

_PLACE = r"(?:(?P<{0}_interface>[^:/ ]+):)?(?P<{0}_ip>[^/ (]+)(?:/(?P<{0}_port>\d+))?"
_SOURCE, _TARGET = _PLACE.format("src"), _PLACE.format("dst")
_MAPPED = _PLACE.format("mapped")
_NOTES = r"(?: ?\([^)]*\))*"  # of mapped addresses and users
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+"
_ASA = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<action>Built|Teardown) (?:(?P<direction>inbound|outbound) )?(?:(?:\w+ +)?stub )?"
        r"(?P<protocol>TCP|UDP|SCTP|GRE|ICMP)(?: state-bypass)? connection (?:(?P<connection>\d+) )?(?:for|from) "
        rf"{_SOURCE}{_NOTES}(?: (?P<user>[^ (]+))? to {_TARGET}",
        r"(?P<action>Built|Teardown) (?:(?P<direction>inbound|outbound) )?(?P<protocol>ICMP) connection (?:\d+ )?for "
        r"faddr (?P<faddr>[^/ (]+)/\d+(?:\([^)]*\))? gaddr (?P<gaddr>[^/ ]+)/\d+ laddr (?P<laddr>[^/ (]+)/\d+",
        r"(?P<action>Built|Teardown) (?:dynamic|static) (?P<protocol>\S+) translation from "
        rf"{_SOURCE}{_NOTES} to {_MAPPED}",
        r"(?P<action>Built|Teardown) local-host (?P<src_interface>[^:/ ]+):(?P<src_ip>\S+)",
        rf"(?P<action>Deny) (?:(?P<direction>inbound) )?(?P<protocol>protocol \d+|\S+) (?:src )?"
        rf"{_SOURCE}{_NOTES} dst {_TARGET}(?:{_NOTES}(?: \(type \d+, code \d+\))? by access-group "
        r"\"(?P<acl>[^\"]*)\")?",
        r"(?P<action>Deny|Denied) (?:(?P<direction>inbound) )?(?P<protocol>\S+)(?: \([^)]*\))? from "
        rf"{_SOURCE} to {_TARGET}",
        r"(?P<action>Denied) (?P<protocol>ICMP) type=\d+,(?: code=\d+)? from (?:laddr )?(?P<src_ip>\S+) on interface "
        r"(?P<src_interface>\S+)(?: to (?P<dst_ip>[^ ]+):)?",
        r"access-list (?P<acl>\S+) (?P<action>permitted|denied|est-allowed) (?P<protocol>\S+) "
        r"(?P<src_interface>[^/ ]+)/(?P<src_ip>[^( ]+)\((?P<src_port>\d+)\)(?:\([^)]*\))? -> "
        r"(?P<dst_interface>[^/ ]+)/(?P<dst_ip>[^( ]+)\((?P<dst_port>\d+)\)",
        r"(?P<protocol>TCP|UDP) (?:request|access) (?P<action>discarded|denied|permitted)(?: by ACL)? from "
        rf"{_SOURCE} to {_TARGET}",
        rf"Inbound (?P<protocol>\S+) connection (?P<action>denied) from {_SOURCE} to {_TARGET}",
        rf"(?P<protocol>\S+) flow from {_SOURCE} to {_TARGET} (?P<action>terminated)",
        r"Dynamic Filter (?P<action>\w+) (?:black|white|grey) ?listed (?P<protocol>\S+) traffic from "
        rf"{_SOURCE}{_NOTES} to {_TARGET}",
        r"Group [=<]?\s?(?P<group>[^,>]+)>?,? (?:Username = |User <)(?P<user>[^,>]*)>?,? "
        r"(?:IP = |IP <)(?P<src_ip>[^,> ]+)",
        r"Local:(?P<dst_ip>\S+):(?P<dst_port>\d+) Remote:(?P<src_ip>\S+):(?P<src_port>\d+) Username:(?P<user>\S+)",
        rf"IPSEC: .*? between (?P<src_ip>{_ADDRESS}) and (?P<dst_ip>{_ADDRESS}) \(user= ?(?P<user>[^)]*)\)",
        r"IP = (?P<src_ip>[^, ]+), ",
        r"Group (?P<group>\S+) User (?P<user>\S+) IP (?P<src_ip>\S+) ",
        r"Group = (?P<group>[^,]+), IP = (?P<src_ip>[^, ]+)",
        r"AAA user (?P<action>\S+) (?P<result>\S+) : (?:reason = (?P<reason>[^:]*) : )?server = +(?P<server>\S+) : "
        r"user = (?P<user>\S+)(?: : user IP = (?P<src_ip>\S+))?",
        r"User '(?P<user>[^']*)'(?:, running '[^']*' from IP (?P<src_ip>[^, ]+),)? executed (?:the |cmd: )?'?"
        r"(?P<command>[^']*)",
        r"User authentication (?P<result>succeeded|failed): IP (?:address: |= )(?P<src_ip>[^, ]+), "
        r"Uname: (?P<user>\S+)",
        r"DAP: User (?P<user>[^,]*), Addr (?P<src_ip>[^, ]+?)[,:] ",
        r"User priv level changed: Uname: (?P<user>\S+)",
        rf"Login (?P<action>denied|permitted) from {_SOURCE} to (?:(?P<dst_interface>[^:/ ]+):)?(?P<dst_ip>[^/ ]+)/"
        r"(?P<service>\S+) for user \"(?P<user>[^\"]*)\"",
        rf"FTP connection from {_SOURCE} to {_TARGET}, user (?P<user>\S+) (?P<action>\S+) file (?P<file>.*)",
        rf"(?:(?P<user>[^@ ]+)@)?(?P<src_ip>[^( ]+){_NOTES} Accessed (?:JAVA )?URL (?:[^@ ]+@)?(?P<dst_ip>[^: ]+):"
        r"(?P<url>\S+)",
        r"Access (?P<action>denied) URL (?P<url>\S+) SRC (?P<src_ip>\S+) DEST:? (?P<dst_ip>\S+)",
        rf".*? (?:from|for|src) \(?(?:(?P<src_interface>[^:/ ()]+):)?(?P<src_ip>{_ADDRESS})(?:/(?P<src_port>\d+))?.*?"
        rf" (?:to|dst) (?:(?P<dst_interface>[^:/ ()]+):)?(?P<dst_ip>{_ADDRESS})(?:/(?P<dst_port>\d+))?",
    )
)
_ENDED = re.compile(
    r" duration (?P<duration>[0-9:]+)(?:(?: forwarded)? bytes (?P<bytes>\d+)(?: (?P<reason>[^(]*[^( ]))?)?"
)
_IOS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:[^:]+: fman_fp_image: +)?(?:access-)?list (?P<acl>\S+) (?P<action>permit(?:ted)?|den(?:y|ied)) "
        r"(?P<protocol>\S+) (?:[0-9A-F-]{17} )?(?P<src_ip>[^( ]+)(?:\((?P<src_port>\d+)\))?"
        r"[^-]*-> (?P<dst_ip>[^(, ]+)(?:\((?P<dst_port>\d+)\))?(?: \([0-9/]+\))?,? ?(?P<packets>\d+)? ?",
        r".*?\[user: (?P<user>[^\]]*)\] \[Source: (?P<src_ip>[^\]]*)\](?: \[localport: (?P<dst_port>\d+)\])?",
        r"SSH2? [Ss]ession request from (?P<src_ip>\S+) ",
        r"User '(?P<user>[^']*)' authentication for SSH2? [Ss]ession from (?P<src_ip>\S+) .*?(?P<result>[A-Z][a-z]+)\Z",
        r"Sig:(?P<signature>\d{1,9}) Subsig:\d{1,9} Sev:\d{1,9} .{0,400} "
        r"\[(?P<src_ip>[^\] ]+?):(?P<src_port>\d{1,5}) -> (?P<dst_ip>[^\] ]+?):(?P<dst_port>\d{1,5})\]",
        r"User (?P<user>\S+) has exited tty session \d+\((?P<src_ip>[^)]+)\)",
        r"Configured from \S+ by (?P<user>\S+)(?: on \S+)?(?: \((?P<src_ip>[^)]+)\))?",
        r"(?:[^,]*, ){0,5}S(?:ource |rc )?IP: ?(?P<src_ip>[^, ]+), D(?:estination |st )?IP: ?(?P<dst_ip>[^, ]+), "
        r"S(?:ource |rc )?Port: ?(?P<src_port>\d+), D(?:estination |st )?Port: ?(?P<dst_port>\d+), "
        r"(?:Source Interface|Src Intf): ?(?P<src_interface>[^, ]+), Proto(?:col)?: ?\"?(?P<protocol>\w+)\"?"
        r"(?:\(\d+\))?(?:, ACL Name: (?P<acl>[^,]*), ACE Action: (?P<action>\w+))?"
        r"(?:.*?, Hit-count ?[=:] ?(?P<packets>\d+))?",  # of NX-OS and ACI
    )
)
_NUMBERS = frozenset(["src_port", "dst_port", "mapped_port", "connection", "packets", "bytes", "signature"])
_PAIR = re.compile(r"(?:^|, )((?:Prefilter )?[A-Z][A-Za-z0-9_]*): ")
_COUNTS = frozenset(
    """SrcPort DstPort ConnectionID InstanceID ConnectionDuration InitiatorPackets ResponderPackets InitiatorBytes
    ResponderBytes FileCount FileSize IPSCount HTTPResponse Priority GID SID Revision DNS_TTL""".split()
)
"""The fields of connection, intrusion and file events of FTD whose values are numbers."""


def _add(event: Event, found: re.Match[str]) -> None:
    values: dict[str, Any] = {name: text for name, text in found.groupdict().items() if text is not None}
    event.update((name, int(text) if name in _NUMBERS else text) for name, text in values.items())


def _add_pairs(event: Event) -> None:
    """Add the fields of an event of FTD, such as `SrcIP: 192.0.2.1, SrcPort: 53, DNSQuery: example.com`."""
    _, *parts = _PAIR.split(event["message"])
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        event[name] = int(text) if name in _COUNTS and text.isascii() and text.isdecimal() else text


def _year_last(found: re.Match[str]) -> str:
    """Return a year, month and day in the order of other systems, behind what is before them."""
    before = found[1] if found.start() else found[1].removesuffix(": ")
    return f"{before}{found[3]} {found[2]} "


def _write_out(event: Event, month: re.Match[str]) -> None:
    """Write the month of the time out, as the line has it."""
    for name in ("datetime", "relayed"):
        if month[1] in event.get(name, ""):
            event[name] = event[name].replace(month[1], month[0], 1)
            break


def _take_apart(meta: MetaData, event: Event) -> None:
    """Read the header, and the parts of the code. Raises RecordError for another code, and for a malformed time."""
    # NX-OS writes the year in front: "2026 Mar  1 08:00:02 UTC", and so may IOS XR, behind its node
    text = event.pop("header").rstrip(" ")
    if month := _MONTH.search(text):
        text = f"{text[: month.end(1)]}{text[month.end() :]}"
    text = _YEAR_FIRST.sub(_year_last, text, count=1)
    if numbered := _SEQUENCE.match(text):
        event["sequence"] = int(numbered[1])
    zone = ""
    if zoned := _ZONED.fullmatch(text):
        zone, text = zoned[1], f"{text[: zoned.start(1) - 1]}:"
    header = read_any(text, _LIMITS)
    if "code" in event:
        code = _CODE.fullmatch(event["code"])
        if code is None:
            raise RecordError(f"code is {event['code']!r:.60}; expected one such as '%SYS-5-CONFIG_I'")
        severity = _LETTERS.get(code[2]) or int(code[2])
        event["facility"], event["severity"], event["mnemonic"] = code[1], severity, code[3]
    for name in ("datetime", "hostname", "priority"):
        if header.get(name) not in (None, ":"):
            event[name] = header[name]
    # An ASA ends its header with its name and a colon, as others do with a process. A router has its number there.
    process = header.get("proc_name") or ""
    if _NUMBER.fullmatch(process):
        event.setdefault("sequence", int(process))
    elif process and "hostname" not in event and not process.isdecimal():
        event["hostname"] = process
    rest, datetime = header.get("message", "").strip(" :"), event.get("datetime")
    without_zone = datetime if zone else ""
    if zone:
        event["datetime"], datetime = f"{datetime} {zone}", f"{datetime} {zone.upper()}"
    elif own := _OWN_TIME.search(rest):  # of the device, behind that of the relay
        if datetime:
            event["relayed"] = datetime
        event["datetime"] = own[0].strip(" *.:")
        stamp, zone, sign, hours, minutes = own.groups()
        without_zone = stamp if zone else ""
        zone = f" {sign}{hours:0>2}{minutes or '00'}" if sign else f" {zone.upper()}" if zone else ""
        datetime, rest = f"{stamp}{zone}", f"{rest[: own.start()]} {rest[own.end() :]}".strip(" :")
    elif datetime and header.get("hostname") not in (None, ":") and (word := header.get("proc_name")):
        if _ZONE.fullmatch(word):  # "Jun 14 12:00:59 sw1 AEST: ": the name stands between the time and its zone
            datetime = event["datetime"] = f"{datetime} {word}"
        else:
            rest = rest or word
    if uptime := _UPTIME.fullmatch(rest):
        event["uptime"] = uptime[1]
    elif rest:
        event["origin"] = rest
        if "hostname" not in event and (named := _ORIGIN.fullmatch(rest)):
            event["hostname"] = named[1]
    if datetime:
        try:
            meta.timestamp = times.any_notation(datetime, meta.timestamp, "datetime")
        except RecordError:
            if not without_zone:
                raise
            # `clock timezone` takes any name: one that says no offset leaves the time to the zone that times have here
            meta.timestamp = times.any_notation(without_zone, meta.timestamp, "datetime")
    if month:
        _write_out(event, month)
    meta.message = f"%{event['code']}: {event['message']}" if "code" in event else event["message"]


def _router(meta: MetaData, event: Event) -> None:
    _take_apart(meta, event)
    if found := next(filter(None, (pattern.match(event["message"][:_LENGTH]) for pattern in _IOS)), None):
        _add(event, found)


def _firewall(meta: MetaData, event: Event) -> None:
    _take_apart(meta, event)
    event["facility"], _, group = event["facility"].partition("-")  # of 'ASA-session'
    if event["facility"] not in ("ASA", "FTD", "PIX", "FWSM", "NGIPS"):
        raise RecordError(f"code is {event['code']!r:.60}; expected one of ASA, FTD or PIX; use 'cisco-ios'")
    if group:
        event["class"] = group
    meta.tag = f"cisco.asa.{event['mnemonic']}"
    if event["mnemonic"].startswith("43000"):
        _add_pairs(event)
        return
    if found := next(filter(None, (pattern.match(event["message"][:_LENGTH]) for pattern in _ASA)), None):
        _add(event, found)
    if ended := _ENDED.search(event["message"][:_LENGTH]):
        _add(event, ended)


CISCO_IOS = Patterns(
    "cisco-ios",
    "messages of Cisco IOS, IOS XE, IOS XR and NX-OS, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/routers/access/wireless/software/guide/SysMsgLogging.html",
    tag="cisco.ios",
    patterns=(_PATTERN, _REPEATED),
    integers="repeated",
    refine=_router,
    entities={"addresses": "src_ip dst_ip", "users": "user", "hosts": "hostname"},
)

CISCO_ASA = Regex(
    "cisco-asa",
    "messages of Cisco ASA, FTD and PIX firewalls, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/security/asa/syslog/asa-syslog.html",
    tag="cisco.asa.{code}",
    pattern=_PATTERN,
    absent=("No Authentication Required", "Not Found"),  # the users of FTD that are none
    refine=_firewall,
    entities={
        "addresses": "src_ip dst_ip mapped_ip faddr gaddr laddr SrcIP DstIP server",
        "users": "user User",
        "hosts": "hostname",
        "domains": "DNSQuery ReferencedHost",
        "hashes": "FileSHA256",
    },
)
