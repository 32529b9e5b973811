"""Events that Bitdefender GravityZone pushes as JSON: detections, incidents, states of modules and endpoints."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# Bare, or in `event` as its service sends them to Splunk; calls of JSON-RPC have several in `params.events`, for which
# the chain is `[json-records:params.events, bitdefender]`. Its CEF is `cef`.
BITDEFENDER = Json(
    "bitdefender",
    "Bitdefender GravityZone events of its push service: antimalware, firewall, incidents, modules, tasks",
    "https://www.bitdefender.com/business/support/en/77209-135325-push-event-json-rpc-messages.html",
    require=all_of("module", any_of("companyId", "computer_id", "endpointId", "_testEvent_")),
    also_in="event",
    time=moment(
        *("timestamp", "last_blocked", "detection_time", "detectionTime", "date", "created", "detected_on"),
        *("startDate", "lastAdReportDate", "lastUpdate", "last_update"),
    ),
    tag="bitdefender.{module}",
    message=(
        "{module}:{' ' status|final_status|actionTaken|main_action|severity}"
        "{' ' malware_name|detection_name|exploit_type|threatType|url|taskName} on "
        "{computer_name|computerName|endpointId|companyId|'-'}"
    ),
    integers="protocol_id local_port item_count fileSizes",
    entities={
        "addresses": "computer_ip computerIp source_ip victim_ip attack_source",
        "users": "user.name user.userName username",
        "hosts": "computer_name computerName computer_fqdn",
        "hashes": "hash file_hash_md5 file_hash_sha256 process_info_hash",
    },
)
