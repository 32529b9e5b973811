"""Traces of endpoints by Trellix EDR, which it writes to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TRELLIX_EDR = Json(
    "trellix-edr",
    "Trellix EDR (MVISION EDR) traces of endpoints: processes, files, network, registry, as it writes them to S3",
    "https://docs.trellix.com/docs/post-activity-feed-configuration",
    require=all_of("_eventType", "_time", any_of("_deviceId", "_eventId", "_serverId")),
    time=iso("_time"),
    tag="trellix.edr.{_eventType}",
    message="{_eventType}{' ' cmdLine|filePath|httpUrl|keyName|serviceName|dnsName|name}{' to ' destAddress}"
    "{' by ' userName}",
    integers="pid targetPid",
    entities={
        "addresses": "sourceAddress destAddress",
        "users": "userName",
        "domains": "dnsName dnsNames",
        "hashes": "fileMd5 fileSha1 fileSha256",
    },
)
