"""Detections and investigations of ExtraHop RevealX, as its REST API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

EXTRAHOP = Json(
    "extrahop",
    "ExtraHop RevealX detections and investigations, as its REST API and its notifications give them",
    "https://docs.extrahop.com/current/rest-api-guide/",
    require=any_of(
        all_of(any_of("participants", "risk_score"), any_of("categories", "mod_time")),
        all_of("creation_time", "detections"),
    ),
    time=epoch("update_time", "end_time", "start_time", "mod_time", "creation_time", unit="ms"),
    tag="extrahop.{type|'investigation'}",
    message="{title|name|type|'-'}{': ' participants[].object_value}{', ' status}{', ' assignee}",
    entities={
        "addresses": "participants.object_value",
        "users": "participants.username assignee",
        "hosts": "participants.hostname",
    },
)
