"""Graylog's Extended Log Format, which Docker, syslog-ng and many libraries write."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

GELF = Json(
    "gelf",
    "GELF messages of Graylog, Docker's gelf driver and others",
    "https://go2docs.graylog.org/current/getting_in_log_data/gelf.html",
    tag="graylog.gelf",
    time=epoch("timestamp"),
    message="{short_message}",
    carries="short_message",
    require=all_of("short_message", any_of("version", "host")),
    integers="level line",
    floats="timestamp",
    entities={"hosts": "host"},
)
