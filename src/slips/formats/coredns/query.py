"""The query log of CoreDNS, of its plug-in `log`."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = r"(?:(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)) )?\[(?P<level>[A-Z]+)\] "

COREDNS = Patterns(
    "coredns",
    "CoreDNS queries in the default format of the plug-in log, and its other messages",
    "https://coredns.io/plugins/log/",
    tag="coredns.{level}",
    time=iso("time"),
    message="{message}",
    whole="message",
    patterns=(
        rf"{_HEAD}(?P<client_ip>\[[^\]]+\]|[^: ]+):(?P<client_port>\d+) - (?P<id>\d+) "
        r'"(?P<query_type>[^ ]+) (?P<query_class>[^ ]+) (?P<query_name>[^ ]+) (?P<protocol>[^ ]+) (?P<size>\d+) '
        r'(?P<dnssec_ok>true|false) (?P<buffer_size>\d+)" (?P<rcode>[^ ]+) (?P<flags>[^ ]+) (?P<response_size>\d+) '
        r"(?P<duration>[0-9.]+)s",
        rf"{_HEAD}(?:plugin/(?P<plugin>[^:]+): )?(?P<text>.*)",
    ),
    integers="client_port id size buffer_size response_size",
    floats="duration",
    entities={"addresses": "client_ip", "domains": "query_name"},
)
