"""Syslog: lines as in /var/log/messages, and lines of RFC 5424."""

from __future__ import annotations

from slips.parsing import Syslog

SYSLOG = Syslog(
    "syslog",
    "syslog lines as in /var/log/messages, with or without <PRI>",
    "https://www.rfc-editor.org/rfc/rfc3164",
    entities={"hosts": "hostname"},
)
SYSLOG_ANY = Syslog(
    "syslog-any",
    "lines of a product behind a header of syslog, RFC 3164 or 5424, or behind none",
    "https://www.rfc-editor.org/rfc/rfc5424",
    rfc="any",
    tag="syslog",
    entities={"hosts": "hostname"},
)
SYSLOG_5424 = Syslog(
    "syslog-5424",
    "syslog lines of RFC 5424, with structured data",
    "https://www.rfc-editor.org/rfc/rfc5424",
    rfc=5424,
    tag="syslog",
    entities={"hosts": "hostname"},
)
