"""Events of Vectra AI's Respond UX, as its API has them: detections, scores of entities, lockdowns, audits, health."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

VECTRA = Json(
    "vectra",
    "Vectra AI Respond UX: detections, scores of hosts and accounts, lockdowns, audit log",
    "https://docs.vectra.ai/configuration/response/siem/microsoft-sentinel-siem-codeless-connector-framework-rux",
    require=all_of(
        "event_timestamp",
        any_of(
            all_of("event_action", "event_object"),
            all_of("detection_id", "d_type_vname"),
            all_of("entity_id", any_of("urgency_score", "severity")),
        ),
    ),
    time=iso("event_timestamp"),
    tag="vectra.{event_object|category|type|'event'}",
    message=("{event_action|d_type_vname|name|'event'}{' ' message|src_entity|entity_uid|url}{' by ' username}"),
    entities={"addresses": "source_ip", "users": "username"},
)
