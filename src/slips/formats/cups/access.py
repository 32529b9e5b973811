"""Access logs of CUPS: the requests that its scheduler got."""

from __future__ import annotations

from slips.formats.nginx.log_format import QUOTED
from slips.parsing import Regex, clf

CUPS_ACCESS = Regex(
    "cups-access",
    "access logs of CUPS (access_log): requests of clients, of printing and of the web interface",
    "https://www.cups.org/doc/man-cupsd-logs.html",
    pattern=r"(?P<client>[^ ]+) (?P<group>[^ ]+) (?P<user>[^ ]+) \[(?P<time>[^\]]+)\] "
    rf'"(?P<request>{QUOTED})" (?P<status>[0-9]+) (?P<bytes>[^ ]+) (?P<operation>[A-Za-z0-9-]+) '
    r"(?P<ipp_status>[a-z-]+)(?P<more>.+)?",
    requests={"request": "method resource protocol"},
    escaped="request",
    time=clf("time"),
    tag="cups.access",
    message="{client} {request|'-'} {status}{': ' operation}{' ' ipp_status}",
    absent="-",
    integers="status bytes",
    entities={"addresses": "client", "users": "user"},
)
