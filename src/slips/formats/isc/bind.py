"""Logs of the name server BIND, also of Infoblox, and of the DHCP server dhcpd."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_TIME = r"(?:(?P<time>\d\d(?:\d\d-\d\d-\d\dT[^ ]+|-[A-Z][a-z][a-z]-\d{4} [0-9:.]+)) )?"
# Bounded: each of many patterns begins with it, and a line may have a megabyte of letters.
_CATEGORY = r"(?P<category>[a-z]{1,40}(?:-[a-z]{1,40}){0,9}): "
_HEAD = rf"{_TIME}(?:{_CATEGORY}(?P<level>[a-z]{{1,20}}(?: \d{{1,9}})?): )?"
# Channels may print the category, the level, both, or neither.
_FRONTS = (_HEAD, rf"{_TIME}(?P<level>critical|error|warning|notice|info|debug \d+): ", rf"{_TIME}{_CATEGORY}")
_RESPONSE = (
    r"(?:infoblox-responses: )?(?P<time>\d\d-[A-Z][a-z][a-z]-\d{4} [0-9:.]+) "
    r"client (?P<client_ip>[0-9a-fA-F.:]+)#(?P<client_port>\d+):? (?:view (?P<view>[^:]+): )?"
    r"(?P<transport>UDP|TCP): query: (?P<query_name>[^ ]*) (?P<query_class>[^ ]+) (?P<query_type>[^ ]+) "
    r"response: (?P<rcode>[A-Z0-9]+) (?P<flags>[^ ]+)(?: (?P<answers>.*))?"
)
"""The responses that Infoblox logs."""
_AT = r"@(?P<client_id>0x[0-9a-f]+) "
_ADDRESS = r"(?P<client_ip>[0-9a-fA-F.:]+(?:%[^ #]+)?)#(?P<client_port>\d+)(?:/key (?P<tsig_key>[^ :]+))?"
_CLIENT = rf"client (?:{_AT})?{_ADDRESS}"
_NAMED = r"(?: \((?P<name>[^)]*)\))?: (?:view (?P<view>[^:]+): )?"

_QUERY = (
    r"query: (?P<query_name>[^ ]*) (?P<query_class>[^ ]+) (?P<query_type>[^ ]+) (?P<flags>[^ ]+)"
    r"(?: \((?P<server_ip>[^)]*)\))?(?: \[ECS (?P<client_subnet>[^\]]*)\])?"
)
_UPDATED = (
    r"updating zone '(?P<zone>[^/' ]*)/(?P<query_class>[^']+)': (?P<operation>(?:add|delet)ing (?:an RR|rrset)) "
    r"at '?(?P<query_name>[^' ]*)'? (?P<query_type>[^ ]+)(?: (?P<data>.+))?"
)
_FAILED = (
    r"query (?P<result>failed) \((?P<rcode>[^)]*)\)"
    r"(?: for (?P<query_name>[^/ ]*)(?:/(?P<query_class>[^/ ]+)/(?P<query_type>[^ ]+))?)? at (?P<at>[^ ]+)"
)
_OPERATION = r"(?P<operation>[a-z]+(?: \([a-z]+\)| transfer)?) '(?P<query_name>[^/' ]*)"
_REFUSED = r"(?P<query_class>[^/']+)' (?P<result>denied)(?: \((?P<reason>[^)]*)\))?"
_DENIED = rf"{_OPERATION}/(?P<query_type>[^/']+)/{_REFUSED}"
_UPDATE_DENIED = rf"{_OPERATION}/{_REFUSED}"
# The policy of a response policy zone, and the name in it that the query met.
_REWRITTEN = (
    r"(?:(?P<mode>disabled) )?rpz (?P<rpz_trigger>[A-Z-]+) (?P<rpz_policy>[A-Za-z-]+) (?P<result>rewrite) "
    r"(?P<query_name>[^/ ]*)(?:/(?P<query_type>[^/ ]+)/(?P<query_class>[^ ]+))? via (?P<rpz_name>[^ ]+)"
)

_OF_CLIENTS = (_QUERY, _FAILED, _DENIED, _UPDATE_DENIED, _REWRITTEN, _UPDATED)
_CATEGORIES = frozenset(
    """client cname config database default delegation-only dispatch dnssec dnstap edns-disabled general lame-servers
    network notify nsid queries query-errors rate-limit resolver responses rpz rpz-passthru security serve-stale spill
    sslkeylog trust-anchor-telemetry unmatched update update-security xfer-in xfer-out zoneload""".split()
)


def _take_category(meta: MetaData, event: Event) -> None:
    """Add the category of a line with an ISO time, which a header of syslog has where a program is named."""
    name = meta.header.get("proc_name") if meta.header else None
    if "category" not in event and name in _CATEGORIES:
        event["category"] = name
        meta.tag = f"bind.{name}"


BIND_QUERY = Patterns(
    "bind-query",
    "BIND: queries, refusals, rewrites by policy zones, and other messages of named, with or without a syslog header",
    "https://bind9.readthedocs.io/en/stable/reference.html#logging-block-grammar",
    chain=("s3-lines", "syslog-any", "bind-query"),
    time=stamp("time"),
    tag="bind.{category|'query'}",
    message="{message}",
    whole="message",
    patterns=(
        *(f"{front}{_CLIENT}{_NAMED}{query}" for front in _FRONTS for query in _OF_CLIENTS),
        *(f"{_AT}{_ADDRESS}{_NAMED}{query}" for query in _OF_CLIENTS),  # syslog took "client" for a host
        _RESPONSE,
        rf"{_HEAD}{_CLIENT}{_NAMED}",
        rf"{_HEAD}(?!\d\d-[A-Z]|INFO |WARNING |SEVERE |CONFIG |FINE )",  # of Tomcat, whose times look the same
    ),
    integers="client_port",
    refine=_take_category,
    entities={"addresses": "client_ip server_ip", "domains": "query_name name zone"},
)

DHCPD = Patterns(
    "dhcpd",
    "ISC dhcpd: leases and other messages, with or without a syslog header",
    "https://kb.isc.org/docs/isc-dhcp-44-manual-pages-dhcpd",
    chain=("s3-lines", "syslog-any", "dhcpd"),
    tag="dhcpd.{message_type|'message'}",
    message="{message}",
    whole="message",
    patterns=(
        r"(?P<message_type>(?:DHCP|BOOT)[A-Z]+)"
        r"(?: (?:on|for|of) (?P<ip>[0-9a-fA-F.:]+))?(?: \((?P<server_ip>[^)]*)\))?"
        r"(?: (?:to|from) (?P<mac>[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2})+))?(?: from (?P<client_ip>[0-9.]{7,15}))?"
        r"(?: \((?P<hostname>[^)]*)\))?(?: via (?P<interface>[^ :]+))?"
        # of Infoblox
        r"(?: relay (?P<relay>[^ ]+))?(?: lease-duration (?P<lease_duration>\d+))?"
        r"(?: offered-duration (?P<offered_duration>\d+))?(?: \((?P<state>RENEW|found|not found)\))?"
        r"(?: TransID (?P<transaction_id>[0-9a-fA-F]+))?(?: uid (?P<uid>[0-9a-fA-F:]+))?"
        r"(?: \((?P<renewal>RENEW)\))?:? ?",
        r"",
    ),
    integers="lease_duration offered_duration",
    entities={"addresses": "ip client_ip server_ip relay", "hosts": "hostname"},
)
