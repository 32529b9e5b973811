"""Prisma Cloud: its audit log, and alerts of policies, of its API and of its integrations with other tools."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

PRISMA_CLOUD = Json(
    "prisma-cloud",
    "Prisma Cloud audit log, and alerts about resources that violate a policy",
    "https://docs.paloaltonetworks.com/prisma/prisma-cloud/prisma-cloud-admin/manage-prisma-cloud-alerts/alert-payload",
    require=any_of(
        all_of("timestamp", "actionType", "resourceType", "action"),
        all_of("id", "policy", "resource", any_of("alertTime", "firstSeen", "lastSeen")),
        all_of("alertId", "policyName", any_of("alertTs", "alertTime", "firstSeen")),
    ),
    time=moment("timestamp", "alertTs", "alertTime", "lastSeen", "firstSeen"),
    tag="prisma.cloud.{actionType|'alert'}",
    message=(
        "{action|policyName|policy.name|policy.policyId|'alert'}"
        "{' on ' resourceName|resource.name|resourceId}{' by ' user|accountName|resource.account}"
        "{': ' result|alertStatus|status}"
    ),
    entities={"addresses": "ipAddress", "users": "user"},
)
