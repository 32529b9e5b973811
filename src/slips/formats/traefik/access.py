"""Access logs of Traefik."""

from __future__ import annotations

from slips.formats.nginx.log_format import QUOTED
from slips.parsing import Json, Regex, any_of, clf, iso

REFERENCE = "https://doc.traefik.io/traefik/observability/access-logs/"
TRAEFIK = Regex(
    "traefik",
    "Traefik access logs in its default, the extended common log format",
    REFERENCE,
    pattern=r"(?P<client>[^ ]+) (?P<ident>[^ ]+) (?P<username>[^ ]+) \[(?P<time>[^\]]+)\] "
    rf'"(?P<request>{QUOTED})" (?P<status>\d+|-) (?P<bytes>\d+|-)'
    rf'(?: (?:-|"(?P<referrer>{QUOTED})") (?:-|"(?P<user_agent>{QUOTED})")'
    rf'(?: (?P<request_count>\d+) (?:-|"(?P<router>{QUOTED})") (?:-|"(?P<server_url>{QUOTED})") '
    r"(?P<duration_ms>\d+)ms)?)?(?P<more>.+)?",
    requests={"request": "method path protocol"},
    escaped="request referrer user_agent",
    absent="-",
    integers="status bytes request_count duration_ms",
    tag="traefik.access",
    time=clf("time"),
    message="{client|'-'} {request|'-'} {status|'-'}",
    entities={"addresses": "client", "users": "username"},
)
TRAEFIK_JSON = Json(
    "traefik-json",
    "Traefik access logs as JSON",
    REFERENCE,
    tag="traefik.access",
    time=iso("StartUTC", "StartLocal", "time"),
    message="{ClientHost|ClientAddr|'-'} {RequestMethod|'-'} {RequestPath|'-'} {DownstreamStatus|OriginStatus|'-'}",
    require=any_of("DownstreamStatus", "OriginStatus", "RequestPath"),
    integers="ClientPort RequestPort",
    absent="-",
    entities={"addresses": "ClientHost", "users": "ClientUsername", "domains": "RequestHost"},
)
