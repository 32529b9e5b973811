"""Amazon SES: events of mail that was sent."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

SES = Json(
    "ses",
    "events of mail that Amazon SES sent: deliveries, bounces, complaints, opens, clicks",
    "https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-firehose-contents.html",
    documents="Message",
    also_in=("Message", "detail"),
    tag="aws.ses.{eventType|notificationType}",
    time=iso(
        *("bounce.timestamp", "complaint.timestamp", "delivery.timestamp", "deliveryDelay.timestamp"),
        *("open.timestamp", "click.timestamp", "subscription.timestamp", "receipt.timestamp"),
        "mail.timestamp",
    ),
    message="{eventType|notificationType} "
    "{bounce.bounceType|complaint.complaintFeedbackType|deliveryDelay.delayType|reject.reason"
    "|failure.errorMessage|'-'} "
    "{mail.source|'-'}: {mail.commonHeaders.subject|'-'}",
    require=any_of("eventType", "notificationType"),
    entities={
        "addresses": "open.ipAddress click.ipAddress mail.sourceIp delivery.remoteMtaIp",
        "users": "mail.source mail.destination receipt.recipients bounce.bouncedRecipients.emailAddress "
        "complaint.complainedRecipients.emailAddress",
    },
)
