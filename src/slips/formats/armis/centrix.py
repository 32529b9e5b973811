"""Alerts and activities of Armis Centrix, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ARMIS = Json(
    "armis",
    "Armis Centrix alerts and activities, as its API gives them",
    "https://xsoar.pan.dev/docs/reference/integrations/armis-event-collector",
    require=any_of(
        all_of("alertId", any_of("activityUUIDs", "classification", "policyTitle", "type", "severity")),
        all_of("activityUUID", any_of("type", "title", "protocol")),
    ),
    time=iso("time", "statusChangeTime"),
    tag="armis.{classification|protocol|'event'}",
    message="{severity ' '}{title|type|'event'}{': ' policyTitle}{', ' status}",
    entities={"hosts": "sourceEndpoints destinationEndpoints"},
)
