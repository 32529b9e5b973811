"""Records of Abnormal Security (Abnormal AI), of its API and its integrations with SIEMs."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# Threats as the API answers have their messages in `messages`: for a record of each, the chain is
# `[json-records:messages, abnormal]`. SIEMs get them within `event`.
ABNORMAL = Json(
    "abnormal",
    "Abnormal Security (Abnormal AI): messages of threats, cases, reports of abuse, audit log",
    "https://app.swaggerhub.com/apis-docs/abnormal-security/abx/1.4.3",
    require=any_of(
        all_of("threatId", any_of("abxMessageId", "attackType")),
        all_of("caseId", any_of("threatIds", "affectedEmployee", "severity_level")),
        all_of("campaignId", any_of("judgementStatus", "firstReported")),
        all_of("action", "tenantName", "category"),
    ),
    also_in="event",
    time=moment("receivedTime", "customerVisibleTime", "firstObserved", "firstReported", "lastReported", "timestamp"),
    tag="abnormal.security",
    message=(
        "{attackType|severity|action|judgementStatus|'record'}"
        "{': ' subject|description|actionDetails.request_url}{' ' fromAddress|affectedEmployee|user.email}"
        "{' ' threatId|caseId|campaignId|category}"
    ),
    entities={
        "addresses": "senderIpAddress sourceIp",
        "users": "recipientAddress user.email affectedEmployee",
        "domains": "senderDomain",
    },
)
