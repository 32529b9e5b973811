"""The error log of lighttpd; 'apache-access' reads its access log."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Regex, iso

_USER = re.compile(r"(?:username: |auth failed for +)([^ ,:]+)")


def _add_client(_meta: MetaData, event: Event) -> None:
    """Add the address, and the user, of a message about a login that failed."""
    head, found, address = event["message"].rpartition("IP: ")
    if found:
        event["ip"] = address.strip()
        if user := _USER.search(head):
            event["user"] = user[1]


LIGHTTPD_ERROR = Regex(
    "lighttpd-error",
    "lighttpd error logs; 'apache-access' reads its access logs",
    "https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_errorlogDetails",
    tag="lighttpd.error",
    time=iso("time"),
    message="{message}",
    pattern=r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d): \(?(?P<file>(?:\.\./src/)?[A-Za-z0-9_]+\.c)\."
    r"(?P<line>\d+)\) (?P<message>.*)",
    integers="line",
    refine=_add_client,
    entities={"addresses": "ip", "users": "user"},
)
