"""Logs of Atlassian: audit events of an organization; access and application logs of Bitbucket, Confluence and Jira."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, clf, epoch, iso, moment, one_of


def _strip_labels(meta: MetaData, event: Event) -> None:
    """Take the blank off the labels, in which blanks are."""
    event["labels"] = None if (labels := event["labels"].strip()) == "-" else labels


def _add_nanoseconds(meta: MetaData, event: Event) -> None:
    """Add what stands beside the seconds of a time in the audit files of Confluence and Jira."""
    time = event.get("timestamp")
    if isinstance(time, dict) and isinstance(time.get("epochSecond"), int) and isinstance(time.get("nano"), int):
        meta.timestamp = time["epochSecond"] + time["nano"] / 1e9


ATLASSIAN = one_of(
    "atlassian",
    "Atlassian: organization audit log; audit, access and application logs of Bitbucket, Confluence, Jira",
    "https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/",
    Json(
        "atlassian.audit",
        "audit events",
        require=any_of(
            *("attributes.action", "summary", "auditType", "eventSource"),
            all_of("author", any_of("affectedObjects", "changedValues")),
        ),
        time=moment("attributes.time", "created", "creationDate", "timestamp.epochSecond", "timestamp"),
        tag="atlassian.audit.{attributes.action|auditType.action|type.action|'event'}",
        message="{message.content|summary|attributes.action|auditType.action|type.action|'-'} "
        "by {attributes.actor.email|author.name|author.displayName|authorAccountId|'-'}",
        refine=_add_nanoseconds,
    ),
    Patterns(
        "atlassian.bitbucket",
        "access logs of Bitbucket",
        time=iso("time"),
        tag="atlassian.bitbucket.access",
        message="{request}",
        patterns=(
            r"(?P<client>[^| ]+) \| (?P<protocol>[^| ]+) \| (?P<request_id>[^| ]+) \| (?P<user>[^| ]+) \| "
            r"(?P<time>[^| ]+ [^| ]+) \| "
            r'"(?P<request>[^"]*)" \| "(?P<referer>[^"]*)" "(?P<user_agent>[^"]*)" \| (?P<status>[^| ]+) \| '
            r"(?P<bytes_read>[^| ]+) \| (?P<bytes_written>[^| ]+) \| (?P<labels>[^|]*)\| (?P<milliseconds>[^| ]+) "
            r"\| (?P<session_id>[^| ]+) \|(?P<more>.+)?",
        ),
        absent="-",
        integers="status bytes_read bytes_written milliseconds",
        refine=_strip_labels,
    ),
    Patterns(
        "atlassian.bitbucket-audit",
        "audit log of Bitbucket as text",
        time=epoch("time", unit="ms"),
        tag="atlassian.audit.{event}",
        message="{event}{' by ' user}{' on ' entity}",
        patterns=(
            r"(?P<client>[0-9A-Fa-f.:,]+|-) \| (?P<event>[A-Za-z]+) \| (?P<user>[^| ]+) \| (?P<time>\d{13}) \| "
            r"(?P<entity>[^| ]+) \| (?P<details>.*) \| (?P<request_id>[^| ]+) \| "
            r"(?P<session_id>[^| ]+)(?: (?P<more>[^| ]+))?",
        ),
        absent="-",
        integers="time",
    ),
    Patterns(
        "atlassian.access",
        "access logs of Confluence and Jira",
        time=clf("time"),
        tag="atlassian.access",
        message="{method} {path} {status}",
        patterns=(
            r"\[(?P<time>[^\]]+)\] (?P<user>[^ ]+) (?P<thread>[^ ]+) (?P<client>[^ ]+) (?P<method>[A-Z]+) "
            r"(?P<path>[^ ]+) (?P<protocol>[^ ]+) (?P<status>\d+) (?P<milliseconds>\d+)ms (?P<bytes>\d+|-) "
            r"(?P<referer>[^ ]+) (?P<user_agent>.*)",
        ),
        absent="-",
        integers="status milliseconds bytes",
    ),
    Patterns(
        "atlassian.application",
        "application logs",
        time=iso("time"),
        tag="atlassian.application",
        message="{text}",
        patterns=(
            r"(?P<time>\d{4}-\d\d-\d\d [0-9:,]+) (?P<level>[A-Z]+) +\[(?P<thread>[^\]]*)\] "
            r"(?:\[(?P<logger>[^\]]*)\] )?(?P<text>.*)",
        ),
    ),
    tag="atlassian.{audit|access|application}",
    entities={
        "addresses": "client attributes.context.attributes.ip attributes.location.ip remoteAddress source",
        "users": """user attributes.actor.email attributes.context.attributes.email author.name author.username
            author.displayName authorAccountId""",
    },
)
