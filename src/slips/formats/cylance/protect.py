"""CylancePROTECT events and threats: JSON objects with the time in `datetime`. A time without a zone is UTC."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

_REFERENCE = "https://docs.blackberry.com/en/unified-endpoint-security/blackberry-ues/Cylance-API-user-guide"
_EVENT = any_of(
    *("datetime", "event_type", "event_name", "event_id", "event_timestamp", "device_id", "device_ids"),
    *("device_name", "device_names", "agent_version", "file_path", "ip_address", "ip_addresses", "mac_addresses"),
    *("os", "policy_name", "process_id", "process_name", "sha256", "md5", "tenant_name", "threat_classification"),
    *("threat_name", "threat_score", "threat_status", "user", "user_name", "violation_type", "zone_names", "zones"),
)
_THREAT = any_of(
    *("datetime", "threat_name", "name", "sha256", "md5", "av_industry", "agent_version", "auto_run", "cert_issuer"),
    *("cert_publisher", "cert_timestamp", "classification", "cylance_score", "date_found", "detected_by"),
    *("device_count", "device_id", "device_name", "file_path", "file_size", "file_status", "first_found"),
    *("global_quarantined", "is_running", "last_found", "policy_id", "running", "safelisted", "signed"),
    *("state", "sub_classification", "unique_to_cylance"),
)

_ENTITIES = {
    "addresses": "ip_address ip_addresses",
    "users": "user user_name",
    "hosts": "device_name device_names",
    "hashes": "sha256 md5",
}

CYLANCE = Json(
    "cylance",
    "CylancePROTECT events, the same as cylance-event",
    _REFERENCE,
    require=_EVENT,
    time=iso("datetime"),
    tag="cylance.event",
    entities=_ENTITIES,
)
CYLANCE_EVENT = Json(
    "cylance-event",
    "CylancePROTECT events",
    _REFERENCE,
    require=_EVENT,
    time=iso("datetime"),
    tag="cylance.event",
    entities=_ENTITIES,
)
CYLANCE_THREAT = Json(
    "cylance-threat",
    "CylancePROTECT threats",
    _REFERENCE,
    require=_THREAT,
    time=iso("datetime"),
    tag="cylance.threat",
    entities=_ENTITIES,
)
