"""Logs of Nextcloud and ownCloud: nextcloud.log, and audit.log of the app Auditing / Logging."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time: ISO 8601, or `April 13, 2026 16:55:37`, as `logdateformat` may have it."""
    time = event["time"]
    if isinstance(time, str) and time[:1].isalpha():
        meta.timestamp = times.written(time, "%B %d, %Y %H:%M:%S", "time")
    else:
        meta.timestamp = times.iso(time, "time")


NEXTCLOUD = Json(
    "nextcloud",
    "Nextcloud and ownCloud: nextcloud.log, and the audit log with sign-ins, files and shares",
    "https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/logging_configuration.html",
    require=all_of("reqId", "app", "time", any_of("message", "remoteAddr")),
    tag="nextcloud.{app}",
    message="{app} {user|'-'} {remoteAddr|'-'}: {message|'-'}",
    absent="--",
    refine=_read_time,
    entities={"addresses": "remoteAddr", "users": "user"},
)
