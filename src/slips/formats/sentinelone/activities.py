"""Activities and threats of SentinelOne's management console."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SENTINELONE = Json(
    "sentinelone",
    "SentinelOne activities, threats and their events, alerts and unified alerts",
    "https://www.elastic.co/docs/reference/integrations/sentinel_one",
    require=any_of(
        all_of(
            any_of("activityType", "activitytype"), any_of("accountId", "accountid", "createdAt", "createdat", "data")
        ),
        all_of("threatInfo", any_of("agentDetectionInfo", "agentRealtimeInfo", "id", "indicators")),
        all_of("alertInfo", any_of("ruleInfo", "agentDetectionInfo", "agentRealtimeInfo")),
        all_of("detectionSource", any_of("analystVerdict", "detectedAt", "confidenceLevel")),  # unified alerts
        all_of("eventType", any_of("agentUuid", "agentId"), any_of("objectType", "processName")),  # of a threat
    ),
    time=iso(
        *("detectedAt", "createdAt", "createdat", "threatInfo.createdAt", "threatInfo.identifiedAt"),
        "alertInfo.createdAt",
    ),
    tag="sentinelone.{activityType|activitytype|alertInfo.eventType|eventType|detectionSource.product|'threat'}",
    message=(
        "{primaryDescription|primarydescription|threatInfo.threatName|ruleInfo.name|name|description|processName|'-'}"
    ),
    integers="activityType activitytype alertInfo.srcPort alertInfo.dstPort sourceProcessInfo.pid",
    entities={
        "addresses": """data.ipAddress data.agentipv4 data.externalIp agentDetectionInfo.externalIp
            agentDetectionInfo.agentIpV4 alertInfo.srcIp alertInfo.dstIp alertInfo.srcMachineIp
            detectionTime.attacker.ip detectionTime.assets.asset.ipV4 agentIp srcIp dstIp""",
        "users": """data.username data.userName threatInfo.processUser agentDetectionInfo.agentLastLoggedInUserName
            sourceProcessInfo.user alertInfo.loginsUserName detectionTime.targetUser.emailAddress
            assets.lastLoggedInUser processUserName loginsUserName""",
        "hosts": """data.computerName data.computername agentRealtimeInfo.agentComputerName agentRealtimeInfo.name
            assets.name agentName""",
        "domains": "dnsRequest",
        "hashes": """threatInfo.sha1 threatInfo.sha256 threatInfo.md5 data.fileContentHash
            sourceProcessInfo.fileHashSha256 sourceProcessInfo.fileHashSha1 sourceProcessInfo.fileHashMd5
            process.file.sha256 process.file.sha1 process.file.md5 sha256 sha1 md5 fileSha256 fileSha1 fileMd5""",
    },
)
