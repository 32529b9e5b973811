"""AWS CloudTrail: Insights events, and digests by which its log files are validated."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, iso


def _name_callers(_meta: MetaData, event: Event) -> None:
    """Add `userIdentityArns`: the callers among the attributions, of which others are user agents, errors, resources.

    Attributions of another shape than AWS documents name none.
    """
    context = event["insightDetails"].get("insightContext") if isinstance(event["insightDetails"], dict) else None
    attributions = context.get("attributions") if isinstance(context, dict) else None
    callers = [
        each["value"]
        for attribution in (attributions if isinstance(attributions, list) else ())
        if isinstance(attribution, dict) and attribution.get("attribute") == "userIdentityArn"
        for each in (attribution["insight"] if isinstance(attribution.get("insight"), list) else ())
        if isinstance(each, dict) and isinstance(each.get("value"), str)
    ]
    if callers:
        event["userIdentityArns"] = callers


CLOUDTRAIL_INSIGHT = Json(
    "cloudtrail-insight",
    "Insights events of AWS CloudTrail: unusual numbers of calls and of errors",
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html",
    elements="Records",
    tag="aws.cloudtrail.insight",
    time=iso("eventTime"),
    message="{insightDetails.insightType} {insightDetails.state} {insightDetails.eventSource} "
    "{insightDetails.eventName} {insightDetails.errorCode|'-'}",
    require="insightDetails",
    refine=_name_callers,
    entities={"users": "userIdentityArns"},
)

# A digest is a document of its own. With `pattern: "**/CloudTrail-Digest/**"`, or this format, objects are digests.
CLOUDTRAIL_DIGEST = Json(
    "cloudtrail-digest",
    "digests of AWS CloudTrail, which name its log files and their hashes",
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
    "cloudtrail-log-file-validation-digest-file-structure.html",
    tag="aws.cloudtrail.digest",
    time=iso("digestEndTime"),
    message="digest of {awsAccountId|'-'} from {digestStartTime|'-'} to {digestEndTime|'-'}",
    require=all_of("digestS3Object", "logFiles"),
    entities={"hashes": "logFiles.hashValue previousDigestHashValue"},
)
