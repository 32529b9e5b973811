"""AWS CloudTrail: calls of AWS APIs, with caller and address."""

from __future__ import annotations

from dataclasses import replace

from slips.parsing import Json, any_of, iso

CALLER = (
    "userIdentity.arn|userIdentity.userName|userIdentity.invokedBy|userIdentity.onBehalfOf.userId"
    "|userIdentity.principalId|userIdentity.accountId"
)
"""Users, roles and roots have an ARN. Users of SAML or OpenID, and failed logins, have a user name; services of AWS
their name; users of the Identity Center an id there; callers of other accounts the id of a principal. Source:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html"""
# Digest files, below `CloudTrail-Digest/`, are no logs: `not_logs` filters them.
CLOUDTRAIL = Json(
    "cloudtrail",
    "AWS CloudTrail events (management, data, Insights), one element of 'Records' each",
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html",
    elements="Records",
    require=any_of("eventType", "eventName"),
    time=iso("eventTime"),
    tag="aws.cloudtrail.{eventType}",
    message=f"{{eventType}} {{eventName}} by {{{CALLER}}} on {{sourceIPAddress}}",
    adds="description",
    entities={
        "addresses": "sourceIPAddress",
        "users": """userIdentity.userName userIdentity.arn userIdentity.sessionContext.sessionIssuer.userName
            userIdentity.onBehalfOf.userId""",
    },
)

# EventBridge carries an event in `detail`, the API 'lookup-events' as a text in `CloudTrailEvent`.
CLOUDTRAIL_EVENT = replace(
    CLOUDTRAIL,
    name="cloudtrail-event",
    summary="AWS CloudTrail events, one a line: bare, of EventBridge, or answers of the API 'lookup-events'; in CSV "
    "that CloudTrail Lake exports, a '{type=…, …}' stays a text, as nothing marks where a value in it ends",
    elements="",
    chain=(),
    tag="aws.cloudtrail.{eventType|'event'}",
    message=f"{{eventType|'-'}} {{eventName|'-'}} by {{{CALLER}|'-'}} on {{sourceIPAddress|'-'}}",
    adds="",
    booleans="readOnly managementEvent",  # rows that CloudTrail Lake exports as CSV have texts
    documents="CloudTrailEvent",
    also_in=("detail", "CloudTrailEvent"),
)
