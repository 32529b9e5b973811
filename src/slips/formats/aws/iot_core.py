"""AWS IoT Core: logs of connections and messages."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

IOT_CORE = Json(
    "iot-core",
    "logs of AWS IoT Core",
    "https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html",
    tag="aws.iot-core.{eventType}",
    time=iso("timestamp"),
    message="{status|logLevel|'-'} {eventType} {topicName|ruleName|jobId|deviceShadowName|'-'} "
    "by {clientId|principalId|'-'} from {sourceIp|'-'}",
    require=all_of("eventType", "traceId"),
    integers="sourcePort",
    entities={
        "addresses": "sourceIp targetIp connectionDetails.sourceIp connectionDetails.targetIp",
        "users": "principalId",
        "hosts": "clientId",
        "domains": "serverNameIndication",
    },
)
