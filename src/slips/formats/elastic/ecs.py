"""Events in the Elastic Common Schema, as loggers of applications, Elastic Agent and Logstash write them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# Loggers write some keys with dots ("log.level"), and others as objects: both are found.
ECS = Json(
    "ecs",
    "events in the Elastic Common Schema, of Elastic Agent, Logstash, ecs-logging libraries and others",
    "https://www.elastic.co/docs/reference/ecs",
    tag="ecs.{event.dataset|data_stream.dataset|event.module|service.name|'log'}",
    time=iso("@timestamp"),
    message="{message|event.original|event.action|'-'}",
    require=all_of(
        "@timestamp",
        any_of("ecs.version", "event.kind", "event.dataset", "event.module", "event.category", "log.level", "message"),
    ),
    integers="http.response.status_code source.port destination.port client.port server.port",  # so says the schema
    entities={
        "addresses": "source.ip destination.ip client.ip server.ip host.ip",
        "users": "user.name",
        "hosts": "host.name host.hostname",
        "domains": "url.domain dns.question.name destination.domain",
        "hashes": "file.hash.sha256 file.hash.sha1 file.hash.md5 process.hash.sha256",
    },
)
