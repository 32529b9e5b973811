"""Trend Vision One: alerts of its Workbench, observed attack techniques, detections and activities, its audit log."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

VISION_ONE = Json(
    "trendmicro-vision-one",
    "Trend Vision One: Workbench alerts, observed attack techniques, detections and activity data, audit log",
    "https://automation.trendmicro.com/xdr/Guides/read-pipeline-data-p",
    require=any_of(
        all_of("id", any_of("workbenchLink", "alertProvider"), any_of("createdDateTime", "updatedDateTime")),
        all_of("uuid", "detectedDateTime", any_of("filters", "detail", "source")),
        all_of(
            any_of("eventTime", "eventTimeDT"),
            any_of("endpointGuid", "endpointGUID", "endpointHostName", "productCode", "pname", "deviceGUID"),
        ),
        all_of("loggedDateTime", any_of("activity", "category")),
    ),
    time=moment("eventTimeDT", "eventTime", "detectedDateTime", "loggedDateTime", "createdDateTime", "updatedDateTime"),
    tag="trendmicro.vision-one.{alertProvider|eventName|source|category|eventId|'event'}",
    message=(
        "{model|activity|malName|threatName|eventName|ruleName|processCmd|entityType|eventId|'event'}"
        "{' on ' endpointHostName|endpoint.endpointName|entityName|dhost}{' by ' loggedUser|suid|processUser}"
    ),
    integers="aggregatedCount cnt fileSize compressedFileSize",
    entities={
        "addresses": """endpointIp src dst clientIp peerIp interestedIp endpoint.ips
            impactScope.entities.entityValue.ips""",
        "users": "suid principalName processUser logonUser loggedUser",
        "hosts": "endpointHostName endpoint.endpointName dhost shost hostName impactScope.entities.entityValue.name",
        "domains": "requestBase hostName",
        "hashes": """fileHash fileHashSha256 objectFileHashMd5 objectFileHashSha1 objectFileHashSha256
            processFileHashMd5 processFileHashSha1 processFileHashSha256 parentFileHashSha1 parentFileHashSha256""",
    },
)
