"""Events of endpoints that SentinelOne writes to S3: Cloud Funnel 2.0, and Deep Visibility before it."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# Cloud Funnel 2.0 has flat keys with dots in them, Deep Visibility nested objects.
SENTINELONE_CLOUD_FUNNEL = Json(
    "sentinelone-cloud-funnel",
    "SentinelOne endpoint events: Cloud Funnel 2.0, and Deep Visibility (Cloud Funnel 1.0)",
    "https://www.elastic.co/docs/reference/integrations/sentinel_one_cloud_funnel",
    require=any_of(
        all_of(any_of("event.type", "event.category"), any_of("agent.uuid", "mgmt.id", "dataSource.vendor")),
        all_of("event_type", any_of("meta.agentVersion", "meta.mgmtUrl", "meta.traceId")),
    ),
    time=moment("event.time", "timestamp.millisecondsSinceEpoch", "timestamp"),
    tag="sentinelone.event.{event.category|event_type|event.type}",
    message=(
        "{event.type|event_type|event.category} "
        "{event.dns.request|event.url.action|tgt.process.name|tgt.file.path|event.login.userName|dst.ip.address"
        "|tiIndicator.value|destinationAddress.address|process.commandLine|'-'} "
        "by {src.process.name|source.name|process.name|'-'} "
        "on {endpoint.name|meta.computerName|'-'}"
    ),
    integers="timestamp.millisecondsSinceEpoch",  # of Protocol Buffers, which write it as a text
    entities={
        "addresses": """src.ip.address dst.ip.address src.endpoint.ip.address sourceAddress.address
            destinationAddress.address""",
        "users": "src.process.user event.login.userName process.user.name source.user.name",
        "hosts": "endpoint.name meta.computerName",
        "domains": "event.dns.request",
        "hashes": """src.process.image.sha256 src.process.image.sha1 src.process.image.md5 tgt.process.image.sha256
            tgt.process.image.sha1 tgt.file.sha256 tgt.file.sha1 tgt.file.md5 hashes.sha256 hashes.sha1 hashes.md5
            process.executable.hashes.sha256 source.executable.hashes.sha256""",
    },
)
