"""Rows that Tanium Connect writes as JSON to S3, HTTP and sockets: of Threat Response, and the history of actions."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TANIUM_THREAT_RESPONSE = Json(
    "tanium-threat-response",
    "Tanium Threat Response by Tanium Connect: alerts, events of detection, and what users did",
    "https://docs.tanium.com/connect/connect/aws.html",
    require=any_of(
        all_of("Event Id", "Event Name", "Timestamp"),
        all_of("Alert Id", "Timestamp", any_of("Intel Id", "Intel Name")),
        all_of("table", "userName", "action", "createdAt"),
    ),
    time=iso("Timestamp", "createdAt"),
    tag="tanium.{Event Name|table|'alert'}",
    message="{Event Name|Intel Name|table|'-'} on {Computer Name|'-'}: {Priority|Intel Type|action|'-'}",
    documents=("Match Details", "MITRE Techniques", "state"),
    integers=("Match Details.match.properties.size",),
    entities={
        "addresses": ("Computer IP",),
        "users": ("User Name", "userName", "Match Details.match.properties.user"),
        "hosts": ("Computer Name", "state.target.hostname"),
        "hashes": (
            "Match Details.match.properties.md5",
            "Match Details.match.properties.sha1",
            "Match Details.match.properties.sha256",
        ),
    },
)

# The times have no zone, and are in UTC.
TANIUM_ACTION = Json(
    "tanium-action",
    "Tanium's history of actions by Tanium Connect: which package was deployed, by whom, approved by whom",
    "https://docs.tanium.com/connect/connect/aws.html",
    require=all_of("ActionId", "ActionName", "Issuer", "StartTime"),
    time=iso("StartTime"),
    tag="tanium.action",
    message="{Issuer}: {ActionName} ({Status|'-'})",
    entities={"users": "Issuer Approver"},
)
