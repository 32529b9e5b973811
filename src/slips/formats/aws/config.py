"""AWS Config: configuration items in snapshots and histories, and notifications of changes."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

AWS_CONFIG = Json(
    "aws-config",
    "configuration items of AWS Config, of its snapshots and its history",
    "https://docs.aws.amazon.com/config/latest/developerguide/config-item-table.html",
    elements="configurationItems",
    tag="aws.config",
    time=iso("configurationItemCaptureTime"),
    message=(
        "{configurationItemStatus|'-'} {resourceType|'item'}{' ' resourceName|resourceId}"
        "{' in ' awsAccountId}{' ' awsRegion}"
    ),
    require=any_of("configurationItemCaptureTime", "configurationItemStatus", "resourceType"),
    entities={
        "hosts": "configuration.instanceId",
        "addresses": "configuration.privateIpAddress configuration.publicIpAddress",
    },
)

# As EventBridge and Amazon SNS deliver them, with or without the envelope.
AWS_CONFIG_NOTIFICATION = Json(
    "aws-config-notification",
    "notifications of AWS Config: changes of items and of compliance, deliveries",
    "https://docs.aws.amazon.com/config/latest/developerguide/notifications-for-AWS-Config.html",
    documents="Message",
    also_in=("detail", "Message"),
    tag="aws.config.{messageType}",
    time=iso(
        *("configurationItem.configurationItemCaptureTime", "newEvaluationResult.resultRecordedTime"),
        *("configurationItemSummary.configurationItemCaptureTime", "notificationCreationTime", "time", "Timestamp"),
    ),
    message="{messageType} "
    "{newEvaluationResult.complianceType|configurationItemDiff.changeType|configurationItemSummary.changeType|'-'} "
    "{configurationItem.resourceType|configurationItemSummary.resourceType|resourceType|s3ObjectKey|'-'} "
    "{configurationItem.resourceId|configurationItemSummary.resourceId|resourceId|'-'}",
    require="messageType",
    entities={
        "hosts": "configurationItem.configuration.instanceId",
        "addresses": "configurationItem.configuration.privateIpAddress configurationItem.configuration.publicIpAddress",
    },
)
