"""Logs of the proxy Squid."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

SQUID = Patterns(
    "squid",
    "Squid access logs in its native format, and lines of its cache.log",
    "https://wiki.squid-cache.org/Features/LogFormat",
    patterns=(
        r"(?P<time>\d+\.\d+) +(?P<elapsed>-?\d+) (?P<remotehost>[^ ]+) (?P<code>[^ /]+)/(?P<status>\d+|-) "
        r"(?P<bytes>\d+|-) (?P<method>[^ ]+) (?P<url>[^ ]+) (?P<rfc931>[^ ]+) "
        r"(?P<peerstatus>[^ /]+)/(?P<peerhost>[^ ]+) +"
        r"(?P<type>[^ ]+)(?: \[(?P<request_headers>[^\]]*)\](?: \[(?P<response_headers>[^\]]*)\])?)?(?P<more>.+)?",
        r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?: (?P<process>[a-z]+\d*))?\| (?P<message>.*)",
    ),
    absent="-",
    integers="elapsed status bytes",
    tag="squid.access",
    time=stamp("time"),
    message="{message|url|'-'}",
    entities={"addresses": "remotehost peerhost", "users": "rfc931"},
)
