"""The query log of CoreDNS, of its plug-in `log`."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = r"(?:(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) )?\[(?P<level>[A-Z]+)\] "

_QUERY = (
    r":(?P<client_port>\d+) - (?P<id>\d+) "
    r'"(?P<query_type>[^ ]+) (?P<query_class>[^ ]+) (?P<query_name>[^ ]+) (?P<protocol>[^ ]+) (?P<size>\d+) '
    r'(?P<dnssec_ok>true|false) (?P<buffer_size>\d+)" (?P<rcode>[^ ]+) (?P<flags>[^ ]+) (?P<response_size>\d+) '
    r'(?P<duration>[0-9.]+)s(?: "(?P<opcode>\d+)")?'
)
_STARTS = (
    r"[^:\s]+:(?://[^:\s]+:)?\d+(?: on \S+)?",
    r"CoreDNS-\S+",
    r"[a-z0-9]+/[a-z0-9]+, go\S+.*",
    r"maxprocs: .*",
)
"""Lines at the start of the server: its zones and ports, and what it is."""


COREDNS = Patterns(
    "coredns",
    "CoreDNS queries in the formats common and combined of the plug-in log, errors, and its other messages",
    "https://coredns.io/plugins/log/",
    tag="coredns.{level|'start'}",
    time=iso("time"),
    message="{message}",
    whole="message",
    patterns=(
        *(rf"{_HEAD}{client}{_QUERY}" for client in (r"(?P<client_ip>[^:\[ ]+)", r"\[(?P<client_ip>[^\]]+)\]")),
        rf"{_HEAD}plugin/(?P<plugin>errors): (?P<rcode_number>\d+) (?P<query_name>[^ ]+) (?P<query_type>[^ :]+): "
        r"(?P<text>.*)",
        rf"{_HEAD}(?:plugin/(?P<plugin>[^:]+): )?(?P<text>.*)",
        *(rf"(?P<text>{start})" for start in _STARTS),
    ),
    integers="client_port id size buffer_size response_size opcode rcode_number",
    floats="duration",
    booleans="dnssec_ok",
    entities={"addresses": "client_ip", "domains": "query_name"},
)
