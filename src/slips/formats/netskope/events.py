"""Events and alerts of Netskope, and its transaction events as JSON."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

NETSKOPE = Json(
    "netskope",
    "Netskope application, page, network, audit and infrastructure events, alerts, and transactions as JSON",
    "https://docs.netskope.com/en/rest-api-events-and-alerts-response-descriptions/",
    require=any_of(
        all_of("_id", any_of("app", "user", "alert", "type", "audit_log_event", "device_name", "srcip")),
        all_of("audit_log_event", any_of("user", "timestamp")),
        all_of(any_of("insertion_epoch_timestamp", "_insertion_epoch_timestamp"), any_of("app", "user", "type")),
        all_of("record_type", any_of("app", "user", "timestamp")),
        all_of("alert_type", any_of("alert_name", "app", "user")),
        all_of("x-transaction-id", any_of("x-type", "cs-host", "c-ip")),
    ),
    time=moment("timestamp", "insertion_epoch_timestamp", "_insertion_epoch_timestamp", "x-cs-timestamp"),
    tag="netskope.{alert_type|type|audit_type|x-type|'event'}",
    message=(
        "{activity|audit_log_event|alert_name|action|cs-method|'-'} {app|object|page|cs-host|'-'} by "
        "{user|userkey|cs-username|'-'} from {srcip|userip|c-ip|'-'}"
    ),
    absent="-",
    integers="""time-taken cs-bytes sc-bytes bytes sc-status rs-status cs-uri-port x-cs-timestamp x-cs-src-port
        x-cs-dst-port x-sr-src-port x-sr-dst-port x-cs-app-cci x-rs-file-size""",
    floats="x-s-latitude x-s-longitude x-c-latitude x-c-longitude",
    booleans="alert acked is_malicious is_bypass_traffic managed_app user_generated dlp_is_unique_count x-ssl-bypass",
    boolean_words="yes/no",
    entities={
        "addresses": "srcip dstip userip c-ip s-ip x-cs-userip x-cs-dst-ip",
        "users": "user userkey acting_user from_user cs-username",
        "hosts": "hostname device_name computer_name dsthost",
        "domains": "domain site cs-host cs-dns x-cs-sni",
        "hashes": "md5 sha256 local_md5 local_sha256 x-rs-file-md5 x-rs-file-sha256",
    },
)
