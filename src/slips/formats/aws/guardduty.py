"""Amazon GuardDuty: findings."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

GUARDDUTY = Json(
    "guardduty",
    "findings of Amazon GuardDuty, as it exports them to S3, or as events of EventBridge",
    "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-format.html",
    require=any_of(
        *("schemaVersion", "updatedAt", "createdAt", "accountId", "arn", "id", "partition", "region", "type"),
        *("resource", "service", "severity", "title", "description", "confidence", "associatedAttackSequenceArn"),
    ),
    also_in="detail",
    time=iso("updatedAt"),  # GuardDuty exports a finding again after each update
    tag="aws.guardduty",
    entities={
        "addresses": """resource.instanceDetails.networkInterfaces.privateIpAddress
            resource.instanceDetails.networkInterfaces.publicIp
            service.action.awsApiCallAction.remoteIpDetails.ipAddressV4
            service.action.networkConnectionAction.localIpDetails.ipAddressV4
            service.action.networkConnectionAction.remoteIpDetails.ipAddressV4
            service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4""",
        "users": "resource.accessKeyDetails.userName resource.accessKeyDetails.principalId",
        "domains": "service.action.dnsRequestAction.domain",
    },
)
