"""Amazon EventBridge: events of any service in their envelope."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

EVENTBRIDGE = Json(
    "eventbridge",
    "events of Amazon EventBridge, of any source",
    "https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html",
    tag="aws.eventbridge.{source}",
    time=iso("time"),
    message="{detail-type} from {source}{' in ' account}{' ' region}",
    require=all_of("source", "detail-type"),
    entities={"hosts": "resources"},
)
