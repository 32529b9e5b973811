"""Events of Trend Micro Deep Security and Cloud One Workload Security, as they forward them to Amazon SNS."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

DEEP_SECURITY = Json(
    "trendmicro-deep-security",
    "events of Trend Micro Deep Security and Cloud One Workload Security: malware, intrusions, firewall, system",
    "https://help.deepsecurity.trendmicro.com/feature-releases/event-sns-json.html",
    require=all_of("EventType", any_of("HostAgentGUID", "HostID", "ManagerHostname", "TenantID"), "LogDate"),
    time=iso("LogDate"),
    tag="trendmicro.deep-security.{EventType}",
    message=(
        "{EventType} {MalwareName|Title|Reason|Description|EventID|'-'} on {Hostname|TargetName|'-'}: "
        "{ScanResultString|ActionString|OriginString|'-'}"
    ),
    integers="EventID HostID Severity Rank SourcePort DestinationPort",
    entities={
        "addresses": "SourceIP DestinationIP HostLastIPUsed",
        "users": "ActionBy UserName",
        "hosts": "Hostname",
        "hashes": "DetectedSHA1 MD5 SHA1 SHA256",
    },
)
