"""Logs of the resolver Unbound: queries, replies, and other messages."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_TIME = r"(?:\[(?P<time>\d{9,11})\] |(?P<stamp>[A-Z][a-z][a-z] +\d{1,2} [0-9:]{8}) )?"
_HEAD = _TIME + r"(?:unbound)?\[(?P<pid>\d+):(?P<thread>[0-9a-f]+)\] "

UNBOUND = Patterns(
    "unbound",
    "Unbound: queries, replies and other messages, with or without a syslog header",
    "https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html",
    chain=("s3-lines", "syslog-any", "unbound"),
    time=stamp("time", "stamp"),
    tag="unbound.{level|'info'}",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_HEAD}(?P<level>[a-z]+): (?P<client_ip>[0-9a-fA-F.:]+) (?P<query_name>[^ ]+) (?P<query_type>[A-Z0-9]+) "
        r"(?P<query_class>IN|CH|HS)(?: (?P<rcode>[A-Z]+) (?P<duration>[0-9.]+) (?P<cached>[01]) (?P<size>\d+))?",
        r"(?P<level>info|notice|warning|error|debug|query|reply): (?P<client_ip>[0-9a-fA-F.:]+) "
        r"(?P<query_name>[^ ]+) (?P<query_type>[A-Z0-9]+) (?P<query_class>IN|CH|HS)"
        r"(?: (?P<rcode>[A-Z]+) (?P<duration>[0-9.]+) (?P<cached>[01]) (?P<size>\d+))?",
        rf"{_HEAD}(?P<level>[a-z]+): (?P<text>.*)",
        r"(?P<level>info|notice|warning|error|debug): (?P<text>.*)",
    ),
    integers="pid size",
    floats="duration",
    entities={"addresses": "client_ip", "domains": "query_name"},
)
