"""AWS IAM Access Analyzer: findings, and previews of access."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

ACCESS_ANALYZER = Json(
    "access-analyzer",
    "findings and access previews of AWS IAM Access Analyzer, also as events of EventBridge",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-eventbridge.html",
    also_in="detail",
    tag="aws.access-analyzer",
    time=iso("updatedAt", "analyzedAt", "time", "createdAt"),
    message="{status|'-'} {resourceType|detail-type|'-'} {resource|accessPreviewId|'-'}",
    require=any_of("analyzedAt", "accessPreviewId"),
    entities={"users": "principal.AWS principal.Federated", "hosts": "resource configuredResources"},
)
