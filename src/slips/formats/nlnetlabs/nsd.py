"""Logs of the name server NSD: transfers of zones, notifications, other messages."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_HEAD = (
    r"(?:\[(?P<time>\d{9,11}|\d{4}-\d\d-\d\d[T ][^\]]+)\] (?P<identity>[^ \[]*)\[(?P<pid>\d+)\]: )?"
    r"(?P<level>debug|info|notice|warning|error): "
)
_SERIAL = r"received update to serial (?P<serial>\d+) at (?P<received>[^ ]+) from (?P<address>[0-9a-fA-F.:]+)"

NSD = Patterns(
    "nsd",
    "NSD: transfers of zones, notifications, other messages, with or without a syslog header",
    "https://nsd.docs.nlnetlabs.nl/en/latest/manpages/nsd.conf.html",
    chain=("s3-lines", "syslog-any", "nsd"),
    time=stamp("time"),
    tag="nsd.{event|level}",
    message="{message}",
    patterns=(
        _HEAD + r"(?P<message>(?P<event>axfr|ixfr|notify) for (?P<zone>[^ ]+) from (?P<address>[0-9a-fA-F.:]+)"
        r"(?: serial (?P<serial>\d+)| (?P<outcome>refused)[^ ]*)?.*)",
        _HEAD + rf'(?P<message>xfrd: zone (?P<zone>[^ ]+) (?P<event>committed) "{_SERIAL}.*)',
        _HEAD + rf"(?P<message>zone (?P<zone>[^ ]+) {_SERIAL}.*)",
        _HEAD + r"(?P<message>.*)",
    ),
    integers="pid serial",
    entities={"addresses": "address", "domains": "zone"},
)
