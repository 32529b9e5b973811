"""Logs of Atlassian: audit events of an organization; access and application logs of Bitbucket, Confluence and Jira."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, any_of, clf, iso, one_of


def _strip_labels(meta: MetaData, event: Event) -> None:
    """Take the blank off the labels, in which blanks are."""
    event["labels"] = None if (labels := event["labels"].strip()) == "-" else labels


ATLASSIAN = one_of(
    "atlassian",
    "Atlassian: organization audit log; access and application logs of Bitbucket, Confluence, Jira",
    "https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/",
    Json(
        "atlassian.audit",
        "audit events",
        require=any_of("attributes.action", "summary", "auditType", "eventSource"),
        time=iso("attributes.time", "created", "timestamp"),
        tag="atlassian.audit.{attributes.action|auditType.action|'event'}",
        message="{message.content|summary|attributes.action|'-'} by {attributes.actor.email|author.name|'-'}",
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
            r"\| (?P<session_id>[^| ]+) \|",
        ),
        absent="-",
        integers="status bytes_read bytes_written milliseconds",
        refine=_strip_labels,
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
        "addresses": "client attributes.context.attributes.ip attributes.location.ip remoteAddress",
        "users": "user attributes.actor.email author.name",
    },
)
