"""Events of OpenCanary, the open-source honeypot of Thinkst."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

OPENCANARY = Json(
    "opencanary",
    "OpenCanary events: logins, scans and requests at a honeypot, and its own notes",
    "https://opencanary.readthedocs.io/en/latest/starting/opencanary.html",
    require=all_of("logtype", "node_id", any_of("logdata", "src_host", "dst_port")),
    time=iso("utc_time", "local_time"),  # of old versions, which have no `utc_time`, the local one is UTC, too
    tag="thinkst.opencanary.{logtype}",
    message="type {logtype}{' from ' src_host}{' to ' dst_host}"
    "{' as ' logdata.USERNAME|logdata.USER}{': ' logdata.PATH|logdata.msg.logdata|logdata.msg|logdata.FILENAME}",
    entities={
        "addresses": "src_host dst_host",
        "users": "logdata.USERNAME logdata.USER",
        "hosts": "node_id",
    },
)
