"""Access logs of CUPS: the requests that its scheduler got."""

from __future__ import annotations

from slips.parsing import Quoted, clf

CUPS_ACCESS = Quoted(
    "cups-access",
    "access logs of CUPS (access_log): requests of clients, of printing and of the web interface",
    "https://www.cups.org/doc/man-cupsd-logs.html",
    columns='client group user [time] "request" status bytes operation ipp_status',
    requests={"request": "method resource protocol"},
    time=clf("time"),
    tag="cups.access",
    message="{client} {request|'-'} {status}{': ' operation}{' ' ipp_status}",
    absent="-",
    integers="status bytes",
    entities={"addresses": "client", "users": "user"},
)
