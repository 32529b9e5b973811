"""Events of Vectra AI's Respond UX, as its API has them: detections, scores of entities, lockdowns, audits, health."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso


def _name_kind(meta: MetaData, event: Event) -> None:
    """Set tag and message of lockdowns and of the state of the platform, which have no field with their kind."""
    if "lock_event_timestamp" in event:
        meta.tag = "vectra.lockdown"
        meta.message = (
            f"lockdown of {event.get('entity_name') or event['entity_id']} by {event.get('locked_by') or '-'}"
        )
    elif "system" in event:
        meta.tag, meta.message = "vectra.health", "health"


VECTRA = Json(
    "vectra",
    "Vectra AI Respond UX: detections, scores of hosts and accounts, lockdowns, audit log, health",
    "https://docs.vectra.ai/configuration/response/siem/microsoft-sentinel-siem-codeless-connector-framework-rux",
    require=all_of(
        any_of("event_timestamp", "lock_event_timestamp"),
        any_of(
            all_of("event_action", "event_object"),
            all_of("detection_id", "d_type_vname"),
            all_of("entity_id", any_of("urgency_score", "severity", "lock_event_timestamp")),
            all_of("system", any_of("cpu", "connectivity")),
        ),
    ),
    time=iso("event_timestamp", "lock_event_timestamp"),
    tag="vectra.{event_object|category|type|'event'}",
    message=("{event_action|d_type_vname|name|'event'}{' ' message|src_entity|entity_uid|url}{' by ' username}"),
    refine=_name_kind,
    entities={"addresses": "source_ip sensors.ip_address", "users": "username locked_by"},
)
