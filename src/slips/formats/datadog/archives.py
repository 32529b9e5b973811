"""Logs that Datadog archives in a bucket."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# The fields of the log itself are in `attributes`, `date` is the time that Datadog took from it.
DATADOG_ARCHIVE = Json(
    "datadog-archive",
    "logs that Datadog archives in a bucket (Log Archives), with the attributes that its pipelines made",
    "https://docs.datadoghq.com/logs/log_configuration/archives/",
    require=all_of("date", "attributes", any_of("_id", "source", "service", "tags")),
    time=moment("date"),
    tag="datadog.archive.{source|'log'}",
    message="{message|attributes.msg|attributes.title|service|'log'}",
    entities={
        "addresses": "attributes.network.client.ip attributes.network.destination.ip",
        "users": "attributes.usr.id attributes.usr.name attributes.usr.email",
        "hosts": "host",
        "domains": "attributes.http.url_details.host",
    },
)
