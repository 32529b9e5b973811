"""Mails that Trend Micro Email Security (Hosted Email Security) handled, as its API for logs has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TRENDMICRO_EMAIL = Json(
    "trendmicro-email-security",
    "Trend Micro Email Security: mail tracking logs, delivered, bounced and quarantined mails, and policy events",
    "https://docs.trendmicro.com/en-us/documentation/article/trend-micro-email-security-rest-api-online-help-"
    "retrieving-mail-tracking-logs",
    require=all_of("mailID", any_of("genTime", "timestamp"), any_of("recipient", "sender", "eventType")),
    time=iso("timestamp", "genTime"),
    tag="trendmicro.email-security.{action|eventType|'mail'}",
    message="{action|eventType|'mail'}{' from ' sender}{' to ' recipient}{': ' subject}{' - ' details}",
    entities={
        "addresses": "senderIP",
        "users": "sender recipient headerFrom headerTo",
        "domains": "domainName embeddedUrls",
        "hashes": "attachments.sha256",
    },
)
