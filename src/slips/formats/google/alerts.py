"""Alerts of the alert center of Google Workspace."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

GOOGLE_ALERT = Json(
    "google-alert",
    "Google Workspace alert center: phishing, leaked passwords, devices, data loss, changes by administrators",
    "https://developers.google.com/workspace/admin/alertcenter/reference/rest/v1beta1/alerts",
    require=all_of("alertId", "customerId", any_of("source", "type", "data")),
    time=iso("createTime", "startTime", "updateTime"),
    tag="google.alert",
    message=(
        "{type|'-'} of {source|'-'}: "
        "{data.email|data.actorEmail|data.displayName|data.maliciousEntity.entity.emailAddress|data.title|'-'}"
    ),
    entities={
        "addresses": "data.sourceIp data.loginDetails.ipAddress",
        "users": """data.email data.actorEmail data.affectedUserEmails data.messages.recipient
            data.ruleViolationInfo.triggeringUserEmail data.maliciousEntity.entity.emailAddress""",
        "domains": "data.domain data.domainId.customerPrimaryDomain",
        "hashes": "data.messages.attachmentsSha256Hash",
    },
)
