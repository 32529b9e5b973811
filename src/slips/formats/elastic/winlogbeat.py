"""Events of Elastic Winlogbeat and Filebeat, 5.x to 8.x."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

WINLOGBEAT = Json(
    "winlogbeat",
    "Winlogbeat: events of the Windows event log",
    "https://www.elastic.co/docs/reference/beats/winlogbeat/exported-fields-winlog",
    require=any_of(
        "winlog.event_id",
        "winlog.channel",
        "winlog.provider_name",
        all_of("event_id", any_of("log_name", "source_name")),
    ),
    time=iso("@timestamp"),
    tag="winlogbeat.{winlog.channel|log_name|'event'}",
    message=(
        "{winlog.event_id|event_id|'event'}{' ' winlog.provider_name|source_name}"
        "{' on ' winlog.computer_name|computer_name|host.name}"
    ),
    integers="winlog.event_id winlog.record_id event_id record_number",
    entities={
        "addresses": "winlog.event_data.IpAddress event_data.IpAddress source.ip",
        "users": """winlog.event_data.TargetUserName winlog.event_data.SubjectUserName event_data.TargetUserName
            user.name""",
        "hosts": "winlog.computer_name computer_name host.name",
        "hashes": "process.hash.sha256 process.hash.md5",
    },
)

FILEBEAT = Json(
    "filebeat",
    "Filebeat: lines of any file, and what its modules made of them",
    "https://www.elastic.co/docs/reference/beats/filebeat/exported-fields-log",
    require=all_of(
        any_of("@timestamp", "agent", "beat"),
        any_of(
            *("log.file.path", "source", "input.type", "fileset.name", "event.dataset", "log.offset"),
            *("input_type", "prospector.type", "data_stream.dataset"),
        ),
    ),
    time=iso("@timestamp"),
    tag="filebeat.{event.dataset|data_stream.dataset|fileset.name|input.type|prospector.type|input_type|'line'}",
    message="{message|event.original|event.dataset|fileset.name|'line'}",
    entities={
        "addresses": "source.ip destination.ip client.ip",
        "users": "user.name related.user",
        "hosts": "host.name agent.hostname beat.hostname related.hosts",
        "domains": "url.domain dns.question.name",
    },
)
