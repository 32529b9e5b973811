"""Messages of WatchGuard Firebox: traffic, alarms, events, diagnostics."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_PAIR = re.compile(r' ([a-z_0-9]+)="((?:[^"\\]|\\.)*)"')
_TRAFFIC = re.compile(
    r"(Allow|Deny) (.*?)(?: (\d+))? (tcp|udp|icmp|igmp|esp|ah|gre|ospf|[a-z0-9/-]+)(?: (\d+) (\d+))? "
    r"([0-9a-fA-F.:]+[.:][0-9a-fA-F.:]*) ([0-9a-fA-F.:]+[.:][0-9a-fA-F.:]*)(?: (\d+) (\d+))?(?= |\Z)"
)
_POLICY = re.compile(r" \(([^()]*)\)\Z")
_NUMBERS = frozenset(
    "sent_bytes rcvd_bytes duration src_port_nat dst_port_nat sent_pkts rcvd_pkts severity reputation".split()
)
_LONGEST = 200
"""Characters of the begin of a text in which the two interfaces and the ends of a connection stand."""


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the ends of a connection, the policy that decided, and all pairs."""
    text = event["text"]
    if traffic := _TRAFFIC.match(text[:_LONGEST]):
        names = (
            "disposition",
            "interfaces",
            "length",
            "protocol",
            "header_length",
            "ttl",
            "src_ip",
            "dst_ip",
            "src_port",
            "dst_port",
        )
        for name, value in zip(names, traffic.groups(), strict=True):
            if value:
                event[name] = (
                    int(value) if name in ("length", "header_length", "ttl", "src_port", "dst_port") else value
                )
        if policy := _POLICY.search(text):
            event["policy"] = policy[1]
    for name, value in _PAIR.findall(text):
        event[name] = int(value) if name in _NUMBERS and value.isdecimal() else value


# The time in parentheses, which older versions do not write, is in UTC; the one of syslog is of the Firebox' zone.
WATCHGUARD = Patterns(
    "watchguard",
    "WatchGuard Firebox: traffic, alarms, events and diagnostics of its syslog format",
    "https://www.watchguard.com/help/docs/fireware/11/en-US/log_catalog/index.html",
    time=stamp("time"),
    tag="watchguard.firebox",
    message="{text}",
    patterns=(
        r"(?:<(?P<priority>\d{1,3})>)?(?P<syslog_time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) (?P<hostname>[^ ]+) "
        r"(?:(?P<serial>[^ (]+) )?\((?P<time>\d{4}-\d\d-\d\dT[0-9:.]+)\) (?P<process>[^ \[:]+)(?:\[(?P<pid>\d+)\])?: "
        r'(?:msg_id="(?P<msg_id>[^"]*)" )?(?P<text>.*)',
        r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
        r"|\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) "
        r"(?P<hostname>[^ ]+) (?P<serial>[^ (]+) (?P<process>[^ \[:]+)(?:\[(?P<pid>\d+)\])?: "
        r'msg_id="(?P<msg_id>[^"]*)" (?P<text>.*)',
        # of a Firebox whose settings leave the serial number out
        r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) "
        r"(?P<hostname>[^ ]+) (?P<process>[a-z][^ \[:]*)(?:\[(?P<pid>\d+)\])?: "
        r'msg_id="(?P<msg_id>[^"]*)" (?P<text>.*)',
    ),
    integers="priority pid",
    refine=_name_parts,
    entities={
        "addresses": "src_ip dst_ip src_ip_nat dst_ip_nat",
        "users": "src_user dst_user",
        "hosts": "hostname",
        "domains": "dstname",
    },
)
