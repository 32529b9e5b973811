"""AWS CloudTrail: Insights events, and digests by which its log files are validated."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

CLOUDTRAIL_INSIGHT = Json(
    "cloudtrail-insight",
    "Insights events of AWS CloudTrail: unusual numbers of calls and of errors",
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-insights-events-with-cloudtrail.html",
    elements="Records",
    tag="aws.cloudtrail.insight",
    time=iso("eventTime"),
    message="{insightDetails.insightType} {insightDetails.state} {insightDetails.eventSource} "
    "{insightDetails.eventName} {insightDetails.errorCode|'-'}",
    require="insightDetails",
    entities={"users": "insightDetails.insightContext.attributions.insight.value"},
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
