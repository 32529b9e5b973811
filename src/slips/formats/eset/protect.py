"""Events of ESET PROTECT, which it exports as JSON: threats, firewall, HIPS, audit, ESET Inspect."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

# `occured` is written so, and in UTC. Behind a header of syslog: `[syslog-any, json, eset]`.
ESET = Json(
    "eset",
    "ESET PROTECT events as JSON: threats, firewall, HIPS, websites, audit, ESET Inspect",
    "https://help.eset.com/protect_admin/12.1/en-US/events-exported-to-json-format.html",
    require=all_of("event_type", "occured", any_of("source_uuid", "hostname")),
    time=stamp("occured"),
    tag="eset.{event_type}",
    message=(
        "{severity|'-'} {threat_name|event|rulename|action|operation|'-'} on {hostname|'-'}: "
        "{action_taken|result|action|object_uri|'-'}"
    ),
    integers="source_port target_port aggregate_count count computer_severity_score severity_score",
    booleans="threat_handled need_restart handled inbound",
    entities={
        "addresses": "ipv4 ipv6 source_address target_address",
        "users": "username account user",
        "hosts": "hostname",
        "hashes": "hash",
    },
)
