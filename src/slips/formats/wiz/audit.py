"""Audit logs, issues, findings and threat detections of Wiz."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

WIZ = Json(
    "wiz",
    "Wiz audit log entries, issues, threat detections, vulnerabilities and configuration findings, also of webhooks",
    "https://docs.wiz.io/wiz-docs/docs/audit-log-settings",
    require=any_of(
        all_of("action", any_of("requestId", "requestid", "actionParameters", "sourceIP", "sourceip", "status")),
        all_of("entitySnapshot", any_of("sourceRule", "severity", "status")),  # of an issue
        all_of("ruleMatch", any_of("triggeringEvents", "primaryResource", "origins")),  # of a threat detection
        all_of("tdrId", any_of("triggeringEvents", "primaryResource", "threatId")),  # of one by a webhook
        all_of("issue", "trigger", any_of("control", "resource")),  # of an issue by a webhook
        all_of("vulnerableAsset", any_of("CVEDescription", "firstDetectedAt", "vendorSeverity")),
        all_of("resource", "rule", any_of("analyzedAt", "targetExternalId")),  # of a configuration finding
    ),
    time=iso("timestamp", "createdAt", "issue.created", "analyzedAt", "lastDetectedAt", "firstDetectedAt"),
    tag="wiz.{action|type|trigger.source|'finding'}",
    message=(
        "{action|sourceRule.name|ruleMatch.rule.name|control.name|rule.name|title|name|'-'}"
        "{' ' status|issue.status|result|severity}"
        "{' on ' entitySnapshot.name|primaryResource.name|vulnerableAsset.name|resource.name}"
        "{' by ' user.name|user.id|serviceAccount.name|serviceaccount.name|primaryActor.name}"
        "{' from ' sourceIP|sourceip}"
    ),
    entities={
        "addresses": "sourceIP sourceip vulnerableAsset.ipAddresses triggeringEvents.actorIP",
        "users": "user.name user.id serviceAccount.name actors.name",
        "hosts": "entitySnapshot.name primaryResource.name vulnerableAsset.name resource.name",
    },
)
