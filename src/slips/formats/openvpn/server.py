"""Messages of an OpenVPN server."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_TIME = r"(?:(?P<time>\d{4}-\d\d-\d\d [0-9:]{8}|[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} [0-9:]{8} \d{4}) )?"

OPENVPN = Patterns(
    "openvpn",
    "OpenVPN server messages, with or without a syslog header",
    "https://openvpn.net/community-docs/",
    chain=("s3-lines", "syslog-any", "openvpn"),
    time=stamp("time"),
    tag="openvpn.server",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_TIME}(?P<user>[^ /]+)/(?P<src_ip>[0-9.]+):(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}(?P<src_ip>[0-9.]+):(?P<src_port>\d+) \[(?P<user>[^\]]*)\] (?P<text>.*)",
        rf"{_TIME}(?P<src_ip>[0-9.]+):(?P<src_port>\d+) (?P<text>.*)",
        rf"{_TIME}(?P<user>[^ /]+)/(?P<src_ip>[0-9a-fA-F:]+) (?P<text>.*)",
        rf"{_TIME}(?P<text>.*)",
    ),
    integers="src_port",
    entities={"addresses": "src_ip", "users": "user"},
)
