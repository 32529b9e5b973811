"""Activities and threats of SentinelOne's management console."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SENTINELONE = Json(
    "sentinelone",
    "SentinelOne activities and threats",
    "https://docs.elastic.co/en/integrations/sentinel_one",
    require=any_of(
        all_of(
            any_of("activityType", "activitytype"), any_of("accountId", "accountid", "createdAt", "createdat", "data")
        ),
        all_of("threatInfo", any_of("agentDetectionInfo", "agentRealtimeInfo", "id", "indicators")),
    ),
    time=iso("createdAt", "createdat", "threatInfo.createdAt", "threatInfo.identifiedAt"),
    tag="sentinelone.{activityType|activitytype|'threat'}",
    message="{primaryDescription|primarydescription|threatInfo.threatName|description|'-'}",
    entities={
        "addresses": """data.ipAddress data.agentipv4 data.externalIp agentDetectionInfo.externalIp
            agentDetectionInfo.agentIpV4""",
        "users": "data.username data.userName threatInfo.processUser agentDetectionInfo.agentLastLoggedInUserName",
        "hosts": "data.computerName data.computername agentRealtimeInfo.agentComputerName",
        "hashes": "threatInfo.sha1 threatInfo.sha256 threatInfo.md5 data.fileContentHash",
    },
)
