"""Events of Yandex Cloud's Audit Trails, which it writes to buckets."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

YANDEX_AUDIT_TRAILS = Json(
    "yandex-audit-trails",
    "Yandex Cloud Audit Trails events: calls of APIs and sign-ins, as it writes them to buckets",
    "https://yandex.cloud/en/docs/audit-trails/concepts/format",
    require=all_of(
        "event_id", "event_type", any_of("event_source", "event_time"), any_of("authentication", "event_status")
    ),
    time=iso("event_time"),
    tag="yandex.audit-trails",
    chain=("json-documents", "yandex-audit-trails"),
    message="{event_type}{' ' event_status}{' by ' authentication.subject_name|authentication.subject_id}"
    "{' from ' request_metadata.remote_address}",
    entities={
        "addresses": "request_metadata.remote_address",
        "users": "authentication.subject_name authentication.subject_id",
    },
)
