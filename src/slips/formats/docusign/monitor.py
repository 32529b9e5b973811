"""Events of Docusign Monitor: logins, changes of accounts, envelopes."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Answers of the API have several events in `data`: for these the chain is `[json-records:data, docusign-monitor]`.
DOCUSIGN_MONITOR = Json(
    "docusign-monitor",
    "Docusign Monitor events: logins, changes of accounts and users, envelopes, alerts",
    "https://developers.docusign.com/docs/monitor-api/reference/monitor/dataset/stream",
    require=all_of("eventId", "object", "action", any_of("accountId", "organizationId", "site")),
    time=iso("timestamp"),
    tag="docusign.monitor",
    message="{object} {action}{' ' property}{' ' result}{' by ' data.userName|data.UserName|data.Email|userId}"
    "{' from ' ipAddress}",
    entities={"addresses": "ipAddress", "users": "userId data.userName data.UserName data.Email"},
)
