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
from slips.parsing import Regex
from slips.parsing.syslog_lines import read_any

_PATTERN = r"(?P<header>[^%]*)%(?P<code>[A-Z0-9_-]+): ?(?P<message>.*)"
_CODE = re.compile(r"(.+)-([0-7])-([A-Z0-9_]+)")
_YEAR_FIRST = re.compile(r"((?:<\d{1,3}>)?)(?:: )?(\d{4}) ([A-Z][a-z][a-z] {1,2}\d{1,2}) ")
_LIMITS = RecordLimits()

_PLACE = r"(?:(?P<{0}_interface>[^:/ ]+):)?(?P<{0}_ip>[^/ (]+)(?:/(?P<{0}_port>\d+))?"
_SOURCE, _TARGET = _PLACE.format("src"), _PLACE.format("dst")
_CONNECTION = rf"connection (?P<connection>\d+) for {_SOURCE} ?(?:\([^)]*\))? ?(?:\([^)]*\))? to {_TARGET}"
_ASA = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<action>Built|Teardown) (?:(?P<direction>inbound|outbound) )?(?P<protocol>TCP|UDP|SCTP|GRE) "
        rf"{_CONNECTION}",
        rf"(?P<action>Deny) (?P<protocol>\S+) (?:src )?{_SOURCE} ?(?:\([^)]*\) )?dst {_TARGET}",
        r"(?P<action>Deny|Denied) (?:(?P<direction>inbound) )?(?P<protocol>\S+)(?: \([^)]*\))? from "
        rf"{_SOURCE} to {_TARGET}",
        r"access-list (?P<acl>\S+) (?P<action>permitted|denied|est-allowed) (?P<protocol>\S+) "
        r"(?P<src_interface>[^/ ]+)/(?P<src_ip>[^( ]+)\((?P<src_port>\d+)\)(?:\([^)]*\))? -> "
        r"(?P<dst_interface>[^/ ]+)/(?P<dst_ip>[^( ]+)\((?P<dst_port>\d+)\)",
        r"Group [=<]?\s?(?P<group>[^,>]+)>?,? (?:Username = |User <)(?P<user>[^,>]*)>?,? "
        r"(?:IP = |IP <)(?P<src_ip>[^,> ]+)",
        r"AAA user (?P<action>\S+) (?P<result>\S+) : (?:reason = (?P<reason>[^:]*) : )?server = +(?P<server>\S+) : "
        r"user = (?P<user>\S+)(?: : user IP = (?P<src_ip>\S+))?",
        r"User '(?P<user>[^']*)' executed the '(?P<command>[^']*)' command",
    )
)
_PORTS = ("src_port", "dst_port", "connection")


def _take_apart(meta: MetaData, event: Event) -> None:
    """Read the header, and the parts of the code. Raises RecordError for another code, and for a malformed time."""
    # NX-OS writes the year in front: "2026 Mar  1 08:00:02 UTC"
    header = read_any(_YEAR_FIRST.sub(r"\1\3 \2 ", event.pop("header").rstrip(" "), count=1), _LIMITS)
    code = _CODE.fullmatch(event["code"])
    if code is None:
        raise RecordError(f"code is {event['code']!r:.60}; expected one such as '%SYS-5-CONFIG_I'")
    event["facility"], event["severity"], event["mnemonic"] = code[1], int(code[2]), code[3]
    for name in ("datetime", "hostname", "priority"):
        if header.get(name) is not None:
            event[name] = header[name]
    if rest := header.get("message", "").strip(" :"):
        event["origin"] = rest
    if datetime := header.get("datetime"):
        meta.timestamp = times.any_notation(datetime, meta.timestamp, "datetime")
    meta.message = f"%{event['code']}: {event['message']}"


def _firewall(meta: MetaData, event: Event) -> None:
    _take_apart(meta, event)
    if event["facility"] not in ("ASA", "FTD", "PIX", "FWSM", "NGIPS"):
        raise RecordError(f"code is {event['code']!r:.60}; expected one of ASA, FTD or PIX; use 'cisco-ios'")
    meta.tag = f"cisco.asa.{event['mnemonic']}"
    for pattern in _ASA:
        if found := pattern.match(event["message"]):
            values: dict[str, Any] = {name: text for name, text in found.groupdict().items() if text is not None}
            for name in _PORTS:
                if name in values:
                    values[name] = int(values[name])
            event.update(values)
            break


CISCO_IOS = Regex(
    "cisco-ios",
    "messages of Cisco IOS, IOS XE, IOS XR and NX-OS, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/routers/access/wireless/software/guide/SysMsgLogging.html",
    tag="cisco.ios",
    pattern=_PATTERN,
    refine=_take_apart,
    entities={"hosts": "hostname"},
)

CISCO_ASA = Regex(
    "cisco-asa",
    "messages of Cisco ASA, FTD and PIX firewalls, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/security/asa/syslog/asa-syslog.html",
    tag="cisco.asa.{code}",
    pattern=_PATTERN,
    refine=_firewall,
    entities={"addresses": "src_ip dst_ip", "users": "user", "hosts": "hostname"},
)
