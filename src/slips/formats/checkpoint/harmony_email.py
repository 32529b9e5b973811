"""Security events of Check Point Harmony Email & Collaboration, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

HARMONY_EMAIL = Json(
    "harmony-email",
    "Check Point Harmony Email & Collaboration (Avanan) security events: phishing, malware, DLP, anomalies",
    "https://sc1.checkpoint.com/documents/Harmony_Email_and_Collaboration_API_Reference/Topics-HEC-Avanan-API-Reference-Guide/Overview.htm",
    require=all_of("eventCreated", any_of("saas", "confidenceIndicator"), any_of("eventId", "entityId")),
    time=iso("eventCreated"),
    tag="checkpoint.harmony-email.{type|'event'}",
    message="{type|'event'} {state|'-'}: {description|'-'}",
    integers="severity",
    entities={"users": "senderAddress"},
)
