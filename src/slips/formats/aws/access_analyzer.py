"""AWS IAM Access Analyzer: findings."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

ACCESS_ANALYZER = Json(
    "access-analyzer",
    "findings of AWS IAM Access Analyzer, also as events of EventBridge",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-eventbridge.html",
    also_in="detail",
    tag="aws.access-analyzer",
    time=iso("updatedAt", "analyzedAt", "createdAt", "time"),
    message="{status|'-'} {resourceType|'-'} {resource}",
    require=all_of("resource", "resourceType"),
    entities={"users": "principal.AWS principal.Federated", "hosts": "resource"},
)
