"""Events of Carbon Black: of the EDR event forwarder, and of the Data Forwarder of Carbon Black Cloud."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

CARBONBLACK = Json(
    "carbonblack",
    "Carbon Black EDR events, Carbon Black Cloud alerts, endpoint events, watchlist hits and audit log",
    "https://developer.carbonblack.com/reference/carbon-black-cloud/data-forwarder/schema/latest/",
    require=any_of(
        "cb_server",
        all_of("sensor_id", any_of("md5", "process_guid", "event_timestamp", "computer_name", "hostname")),
        all_of("org_key", any_of("type", "device_id", "device_name", "event_origin")),
        all_of("device_id", any_of("process_guid", "backend_timestamp", "alert_url", "threat_id")),
        all_of("eventId", "loginName", "orgName"),  # of the audit log
    ),
    also_in="data",
    time=moment(
        "device_timestamp",
        "detection_timestamp",
        "backend_timestamp",
        "create_time",
        "timestamp",
        "event_timestamp",
        "eventTime",
    ),
    tag="carbonblack.{type|'event'}",
    message=(
        "{type|reason|event_type|description|'-'} {process_path|process_name|path|reason|md5|loginName|'-'} on "
        "{device_name|computer_name|hostname|orgName|'-'}"
    ),
    entities={
        "addresses": """device_external_ip device_internal_ip remote_ip local_ip netconn_remote_ip netconn_local_ip
            clientIp""",
        "users": "username process_username device_username childproc_username loginName",
        "hosts": "device_name computer_name hostname",
        "domains": "netconn_domain netconn_remote_domain domain",
        "hashes": """md5 sha256 process_sha256 process_md5 parent_md5 parent_sha256 childproc_sha256 blocked_sha256
            process_hash parent_hash""",
    },
)
