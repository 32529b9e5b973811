"""Events of Abnormal Security (Abnormal AI) that it pushes to SIEMs, whose names have underscores."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# What happened is in `abx_body`; threats of older integrations have its fields at the top. Splunk and Google get
# either within `event`.
ABNORMAL_SIEM = Json(
    "abnormal-siem",
    "Abnormal Security (Abnormal AI) events that it pushes to SIEMs: threats, cases, reports of abuse, audit log",
    "https://docs.cloud.google.com/chronicle/docs/ingestion/parser-list/abnormal-security-changelog",
    require=any_of(all_of("abx_metadata", "abx_body"), all_of("threat_id", any_of("abx_message_id", "attack_type"))),
    also_in="event",
    time=iso(
        *("abx_body.received_time", "abx_body.timestamp", "abx_metadata.timestamp"),
        *("received_time", "event.received_time", "Time"),
    ),
    tag="abnormal.siem.{abx_metadata.event_type|sourcetype|'event'}",
    message="{abx_metadata.event_type|sourcetype|'event'}"
    "{': ' abx_body.attack_type|attack_type|abx_body.severity|abx_body.judgement|abx_body.category|abx_body.type}"
    "{', ' abx_body.subject|subject|abx_body.description|abx_body.details.request_url|abx_body.posture_name}"
    "{' by ' abx_body.from_address|from_address|abx_body.user.email}"
    "{' to ' abx_body.recipient_address|recipient_address|abx_body.entity.identifier}",
    entities={
        "addresses": """abx_body.sender_ip_address sender_ip_address abx_body.source_ip
            abx_body.event_timeline.ip_address""",
        "users": """abx_body.recipient_address recipient_address abx_body.user.email abx_body.entity.identifier
            abx_body.reporter_address""",
        "domains": "abx_body.sender_domain sender_domain",
    },
)
