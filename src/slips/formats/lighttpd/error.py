"""The error log of lighttpd; 'apache-access' reads its access log."""

from __future__ import annotations

from slips.parsing import Regex, iso

LIGHTTPD_ERROR = Regex(
    "lighttpd-error",
    "lighttpd error logs; 'apache-access' reads its access logs",
    "https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_errorlogDetails",
    tag="lighttpd.error",
    time=iso("time"),
    message="{message}",
    pattern=r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d): \(?(?P<file>[A-Za-z_/]+\.c)\.(?P<line>\d+)\) (?P<message>.*)",
    integers="line",
)
