"""Logs of F5 BIG-IP that it sends to syslog: messages of its system and of its web application firewall."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, Patterns, any_of, iso, stamp

_HEADER = (
    r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (?P<hostname>[^ ]+) "
)
_PROCESS = r"(?P<process>[^ \[:]+)(?:\[(?P<pid>\d+)\])?: "
_TIME = rf"{_HEADER}(?P<level>debug|info|notice|warning|err|crit|alert|emerg) {_PROCESS}"
_CODE = r"(?P<code>[0-9a-f]{8}):(?P<severity>\d): "
_PARTS = (
    re.compile(r"Pool (?P<pool>[^ ]+) member (?P<member>[^ ]+) monitor status (?P<status>[a-z ]+[a-z])"),
    re.compile(r"(?P<profile>/[^: ]+):(?P<partition>[^: ]+):(?P<session_id>[0-9a-f]{8}): (?P<event>.*)", re.DOTALL),
    re.compile(r"AUDIT - .*?\buser[= ](?P<user>[^ ,(]+)", re.DOTALL),
)
_CLIENT = re.compile(r"(?:client IP|Client IP:|host=) ?(?P<client_ip>[0-9a-fA-F][0-9a-fA-F.:]*)")
_USER = re.compile(r"Username '(?P<user>[^']*)'")


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name what messages of pools, of access policies and of the audit say."""
    text = event["text"]
    for pattern in _PARTS:
        if found := pattern.match(text):
            event |= found.groupdict()
            break
    for pattern in (_CLIENT, _USER):
        if found := pattern.search(text):
            event |= found.groupdict()


F5_BIGIP = Patterns(
    "f5-bigip",
    "F5 BIG-IP messages: pools and members, access policies, audit; with a level between host and process",
    "https://techdocs.f5.com/kb/en-us/products/big-ip_ltm/releasenotes/related/log-messages.html",
    time=stamp("time"),
    tag="f5.bigip",
    message="{text}",
    patterns=(
        rf"{_TIME}{_CODE}(?P<text>.*)",
        rf"{_TIME}(?P<text>.*)",
        rf"{_HEADER}{_PROCESS}{_CODE}(?P<text>.*)",
        rf"{_CODE}(?P<text>.*)",
    ),
    integers="priority pid severity",
    refine=_name_parts,
    entities={"addresses": "client_ip", "users": "user", "hosts": "hostname"},
)

# Requests have quotes, which are written twice in them. Splunk's add-on asks for other names of the same items.
F5_ASM = KeyValue(
    "f5-asm",
    "F5 BIG-IP Application Security Manager (Advanced WAF): requests as pairs with commas, with or without a header",
    "https://techdocs.f5.com/en-us/bigip-15-0-0/external-monitoring-of-big-ip-systems-implementations/event-messages-and-attack-types.html",
    chain=("s3-lines", "syslog-any", "f5-asm"),
    head=r"(?:ASM:)?",
    separator=",",
    escapes="keep",
    doubled=True,
    require=any_of("support_id", "policy_name"),
    time=iso("date_time"),
    tag="f5.asm.{request_status|req_status|'request'}",
    message="{request_status|req_status|'-'} {ip_client|'-'} {method|'-'} {uri|'-'} {violations|'-'}",
    integers="response_code resp_code src_port dest_port violation_rating violate_rate route_domain",
    booleans="is_truncated is_truncated_bool is_trunct",
    absent="N/A",
    entities={
        "addresses": "ip_client dest_ip management_ip_address manage_ip_addr",
        "users": "username",
        "hosts": "unit_hostname unit_host",
    },
)
