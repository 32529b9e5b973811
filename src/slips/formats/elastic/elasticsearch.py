"""Logs of Elasticsearch nodes: server, deprecation, slow and audit logs, as JSON."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ELASTICSEARCH = Json(
    "elasticsearch",
    "Elasticsearch server, deprecation, slow and audit logs (7.x types, 8.x ECS)",
    "https://www.elastic.co/docs/deploy-manage/monitor/logging-configuration/elasticsearch-log4j-configuration-self-managed",
    require=any_of(
        all_of(
            any_of("cluster.name", "elasticsearch.cluster.name", "cluster.uuid", "elasticsearch.cluster.uuid"),
            any_of("type", "event.dataset", "message"),
        ),
        all_of("event.action", any_of("node.name", "origin.type", "user.realm", "request.name")),
        all_of("component", "level", "node.name"),
        all_of("service.name", "event.dataset", "log.logger", "process.thread.name"),  # of a node without its name yet
    ),
    time=iso("@timestamp", "timestamp"),
    tag="elasticsearch.{type|event.type|'log'}",
    message="{log.level|level|event.type|'-'} {event.action|component|log.logger|'-'} {message|user.name|'-'}",
    integers="took_millis total_shards",
    entities={
        "addresses": "origin.address source.ip host.ip",
        "users": "user.name authentication.token.name",
        "hosts": "node.name elasticsearch.node.name host.name",
    },
)
