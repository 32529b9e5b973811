"""Logs of Kibana, audit logs among them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

KIBANA = Json(
    "kibana",
    "Kibana logs and audit logs: of version 7 and before, and in the Elastic Common Schema",
    "https://www.elastic.co/docs/deploy-manage/monitor/logging-configuration/kibana-logging",
    require=any_of(all_of("type", "pid", "tags"), "kibana", all_of("log.logger", "process.pid", "ecs.version")),
    tag="kibana.{type|event.action|'log'}",
    time=iso("@timestamp"),
    message="{log.level|type|event.outcome ' '}{message}",
    entities={"users": "user.name username", "addresses": "req.remoteAddress client.ip"},
)
