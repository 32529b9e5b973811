"""Logs of the proxy Squid."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_HEADERS = (
    r"(?: \[(?P<request_headers>[^\]]*)\](?: \[(?P<response_headers>[^\]]*)\])?)?(?P<more>.+)?"  # `log_mime_hdrs`
)
_COMMON = (
    r"(?P<remotehost>[^ ]+) (?P<ident>[^ ]+) (?P<rfc931>[^ ]+) \[(?P<time>[^\]]+)\] "
    r'"(?P<method>[^ "]+) (?P<url>[^ ]+) (?P<protocol>[^ "]+)" (?P<status>\d+|-) (?P<bytes>\d+|-) '
)
_QUOTED = r'"(?P<{}>[^"\\]*(?:\\.[^"\\]*)*)"'
_REFERRER, _AGENT = _QUOTED.format("referrer"), _QUOTED.format("user_agent")
_RESULT = r"(?P<code>[A-Z_]+):(?P<peerstatus>[A-Z_]+)"

# The default formats of squid.conf, in the order of how often they are used: squid, common, combined, useragent,
# referrer; then cache.log, which has a section and a level while debugging.
SQUID = Patterns(
    "squid",
    "Squid access logs in its formats squid, common, combined, referrer and useragent, and lines of its cache.log",
    "https://wiki.squid-cache.org/Features/LogFormat",
    patterns=(
        r"(?P<time>\d+\.\d+) +(?P<elapsed>-?\d+) (?P<remotehost>[^ ]+) (?P<code>[^ /]+)/(?P<status>\d+|-) "
        r"(?P<bytes>\d+|-) (?P<method>[^ ]+) (?P<url>[^ ]+) (?P<rfc931>[^ ]+) "
        rf"(?P<peerstatus>[^ /]+)/(?P<peerhost>[^ ]+) +(?P<type>[^ ]+){_HEADERS}",
        rf"{_COMMON}{_RESULT}{_HEADERS}",
        rf"{_COMMON}{_REFERRER} {_AGENT} {_RESULT}{_HEADERS}",
        rf"(?P<remotehost>[^ ]+) \[(?P<time>[^\]]+)\] {_AGENT}(?P<more>.+)?",
        r"(?P<time>\d+\.\d+) (?P<remotehost>[^ ]+) (?P<referrer>[^ ]+) (?P<url>[^ ]+)(?P<more>.+)?",
        r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(?: (?P<process>[a-z]+\d*))?\| "
        r"(?:(?P<section>\d+),(?P<level>\d+)\| )?(?P<message>.*)",
    ),
    absent="-",
    integers="elapsed status bytes section level",
    tag="squid.access",
    time=stamp("time"),
    message="{message|url|user_agent|'-'}",
    entities={"addresses": "remotehost peerhost", "users": "rfc931"},
)
