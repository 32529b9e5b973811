"""Activities and threats of SentinelOne's management console."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SENTINELONE = Json(
    "sentinelone",
    "SentinelOne activities, threats and alerts",
    "https://www.elastic.co/docs/reference/integrations/sentinel_one",
    require=any_of(
        all_of(
            any_of("activityType", "activitytype"), any_of("accountId", "accountid", "createdAt", "createdat", "data")
        ),
        all_of("threatInfo", any_of("agentDetectionInfo", "agentRealtimeInfo", "id", "indicators")),
        all_of("alertInfo", any_of("ruleInfo", "agentDetectionInfo", "agentRealtimeInfo")),
    ),
    time=iso("createdAt", "createdat", "threatInfo.createdAt", "threatInfo.identifiedAt", "alertInfo.createdAt"),
    tag="sentinelone.{activityType|activitytype|alertInfo.eventType|'threat'}",
    message="{primaryDescription|primarydescription|threatInfo.threatName|ruleInfo.name|description|'-'}",
    entities={
        "addresses": """data.ipAddress data.agentipv4 data.externalIp agentDetectionInfo.externalIp
            agentDetectionInfo.agentIpV4 alertInfo.srcIp alertInfo.dstIp alertInfo.srcMachineIp""",
        "users": """data.username data.userName threatInfo.processUser agentDetectionInfo.agentLastLoggedInUserName
            sourceProcessInfo.user alertInfo.loginsUserName""",
        "hosts": "data.computerName data.computername agentRealtimeInfo.agentComputerName agentRealtimeInfo.name",
        "hashes": """threatInfo.sha1 threatInfo.sha256 threatInfo.md5 data.fileContentHash
            sourceProcessInfo.fileHashSha256 sourceProcessInfo.fileHashSha1 sourceProcessInfo.fileHashMd5""",
    },
)
