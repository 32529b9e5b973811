"""Events and alerts of Netskope."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

NETSKOPE = Json(
    "netskope",
    "Netskope application, page, network, audit and infrastructure events, and alerts",
    "https://docs.netskope.com/en/rest-api-events-and-alerts-response-descriptions/",
    require=any_of(
        all_of("_id", any_of("app", "user", "alert", "type", "audit_log_event", "device_name", "srcip")),
        all_of("audit_log_event", any_of("user", "timestamp")),
        all_of(any_of("insertion_epoch_timestamp", "_insertion_epoch_timestamp"), any_of("app", "user", "type")),
        all_of("record_type", any_of("app", "user", "timestamp")),
        all_of("alert_type", any_of("alert_name", "app", "user")),
    ),
    time=moment("timestamp", "insertion_epoch_timestamp", "_insertion_epoch_timestamp"),
    tag="netskope.{alert_type|type|audit_type|'event'}",
    message=(
        "{activity|audit_log_event|alert_name|action|'-'} {app|object|page|'-'} by {user|userkey|'-'} from "
        "{srcip|userip|'-'}"
    ),
    entities={
        "addresses": "srcip dstip userip",
        "users": "user userkey acting_user from_user",
        "hosts": "hostname device_name computer_name dsthost",
        "domains": "domain site",
        "hashes": "md5 sha256 local_md5 local_sha256",
    },
)
