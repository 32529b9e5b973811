"""Logs of the proxy Squid."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
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

_NATIVE = r"(?P<remotehost>[^ ]+) (?P<code>[^ /]+)/(?P<status>\d+|-) (?P<bytes>\d+|-) (?P<method>[^ ]+) (?P<url>[^ ]+) "
_PEER = rf"(?P<peerstatus>[^ /]+)/(?P<peerhost>[^ ]+) +(?P<type>[^ ]+){_HEADERS}"
_LOCAL = (  # of `%tl`, also as `%{%Y-%m-%d %H:%M:%S}tl`, in brackets or not, with `.%03tu` behind it or not
    r"\[?(?P<time>\d\d(?:\d\d[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d[.\d]*+(?: ?[+-]\d\d:?\d\d|Z)?"
    r"|/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?))(?:\.(?P<milliseconds>\d{3}))?\]?"
)


def _add_milliseconds(meta: MetaData, event: Event) -> None:
    meta.timestamp += event.get("milliseconds", 0) / 1_000


# The default formats of squid.conf, in the order of how often they are used: squid, common, combined, useragent,
# referrer; then cache.log, which has a section and a level while debugging.
SQUID = Patterns(
    "squid",
    "Squid access logs in its formats squid (with any date), common, combined, referrer, useragent, and its cache.log",
    "https://wiki.squid-cache.org/Features/LogFormat",
    patterns=(
        rf"(?P<time>\d+\.\d+) +(?P<elapsed>-?\d+) {_NATIVE}(?P<rfc931>[^ ]+) {_PEER}",
        rf"{_LOCAL} +(?P<elapsed>-?\d+) {_NATIVE}(?P<rfc931>[^ ]+) {_PEER}",
        rf"{_LOCAL} +(?P<elapsed>-?\d+) {_NATIVE}{_PEER}",
        rf"{_COMMON}{_RESULT}{_HEADERS}",
        rf"{_COMMON}{_REFERRER} {_AGENT} {_RESULT}{_HEADERS}",
        rf"(?P<remotehost>[^ ]+) \[(?P<time>[^\]]+)\] {_AGENT}(?P<more>.+)?",
        r"(?P<time>\d+\.\d+) (?P<remotehost>[^ ]+) (?P<referrer>[^ ]+) (?P<url>[^ ]+)(?P<more>.+)?",
        r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(?: (?P<process>[a-z]+\d*))?\| "
        r"(?:(?P<section>\d+),(?P<level>\d+)\| )?(?P<message>.*)",
    ),
    absent="-",
    integers="elapsed status bytes section level milliseconds",
    tag="squid.access",
    time=stamp("time"),
    message="{message|url|user_agent|'-'}",
    refine=_add_milliseconds,
    entities={"addresses": "remotehost peerhost", "users": "rfc931"},
)
