"""Amazon SNS: status of deliveries."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

SNS_DELIVERY = Json(
    "sns-delivery",
    "delivery status logs of Amazon SNS: messages that reached their subscribers, and those that did not",
    "https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html",
    tag="aws.sns-delivery",
    time=iso("notification.timestamp"),
    message="{status} {delivery.statusCode|'-'} {delivery.destination|'-'}: {delivery.providerResponse|'-'}",
    require=all_of("notification", "delivery"),
)
