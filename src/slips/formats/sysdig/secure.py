"""Events of Sysdig Secure, as its event forwarding writes them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

SYSDIG = Json(
    "sysdig",
    "Sysdig Secure events: policies that runtime, Kubernetes or cloud activity met, and the activity audit",
    "https://docs.sysdig.com/en/event-forwarding.html",
    require=any_of(
        all_of("timestamp", "originator", "category", any_of("content", "source")),
        all_of("timestamp", "type", any_of("agentId", "hostMac"), any_of("containerId", "content")),
    ),
    time=moment("timestampRFC3339Nano", "timestamp"),
    tag="sysdig.{category|type|'event'}",
    message="{content.ruleName|name|type|'event'}{': ' content.output|description|content.fields.proc.cmdline}",
    entities={
        "addresses": "content.fields.ct.srcip content.fields.ka.sourceips",
        "users": "content.fields.user.name content.fields.ct.user content.fields.ka.user.name",
        "hosts": "labels.host.hostName",
    },
)
