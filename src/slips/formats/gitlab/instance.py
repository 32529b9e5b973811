"""Logs of a GitLab instance: JSON of Rails, Sidekiq and Gitaly, logfmt of its Go programs, texts of others."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, KeyValue, Patterns, any_of, one_of, stamp

_ISO = r"(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+Z)"
_SVLOGD = r"(?:(?P<logged_at>\d{4}-\d\d-\d\d)_(?P<logged_clock>[0-9:.]+) )?"


def _take_day(meta: MetaData, event: Event) -> None:
    """Read the time of application.log before JSON, which is `October 06, 2014 11:56`. Raises RecordError."""
    if "month" in event:
        written = f"{event['month']} {event['day']}, {event['year']} {event['clock']}"
        meta.timestamp = times.written(written, "%B %d, %Y %H:%M", "month")


GITLAB = one_of(
    "gitlab",
    "GitLab: audit, production, API, Sidekiq, Gitaly, Workhorse and other logs of an instance",
    "https://docs.gitlab.com/administration/logs/",
    Json(
        "gitlab.json",
        "JSON of Rails, Sidekiq, Gitaly",
        require=any_of(
            *("time", "severity", "level", "method", "params", "path", "class", "query_string", "message", "msg"),
            *("author_id", "correlation_id", "controller"),
        ),
        time=stamp("time", "created_at", "ts"),
        tag="gitlab.json",
        message="{message|msg|custom_message|exception.message|path|route|class|change|'-'}{' => ' status}",
    ),
    KeyValue(
        "gitlab.logfmt",
        "logfmt of Gitaly, Workhorse, Alertmanager",
        head=_SVLOGD + r"(?=(?:time|level|ts|method|msg)=)",
        time=stamp("ts", "time", ("logged_at", "logged_clock")),
        tag="gitlab.logfmt",
        message="{msg|path|'-'}",
        integers="status pid",
        floats="duration view db",
    ),
    Patterns(
        "gitlab.text",
        "texts of Rails, Sidekiq, Registry",
        whole="message",
        time=stamp("time", ("logged_at", "logged_clock")),
        tag="gitlab.text",
        message="{message}",
        patterns=(
            r"(?P<severity_code>[A-Z]), \[(?P<time>[0-9T:.-]+) #(?P<pid>\d+)\] +"
            r"(?P<severity>[A-Z]+) -- (?P<program>[^:]*): ?",
            rf"{_SVLOGD}{_ISO} pid=(?P<pid>\d+) tid=(?P<tid>[^ ]+) class=(?P<class>[^ ]+) "
            r"jid=(?P<jid>[^ ]+)(?: elapsed=(?P<elapsed>[0-9.]+))? (?P<severity>[A-Z]+): ",
            rf"{_SVLOGD}{_ISO} (?P<pid>\d+) TID-(?P<tid>[^ ]+) "
            r"(?:(?P<class>[^ ]+) JID-(?P<jid>[^ ]+) )?(?P<severity>[A-Z]+): ",
            r"\[(?P<logged_at>[^\] ]+) (?P<logged_clock>[^\]]+)\] (?P<client>[^ ]+) [^ ]+ (?P<user>[^ ]+) \[[^\]]*\] "
            r'"(?P<method>[^ "]+) (?P<path>[^ "]+) [^"]*" (?P<status>\d+) (?P<bytes>\d+)',
            r'Started (?P<method>[A-Z]+) "(?P<path>[^"]*)" for (?P<client>[^ ]+) at '
            r"(?P<time>\d{4}-\d\d-\d\d [0-9:]+ [+-]\d{4})",
            r"(?:(?P<program>[a-z]+): )?(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ",  # of Go programs, as Workhorse
            r"(?P<month>[A-Z][a-z]+) (?P<day>\d\d), (?P<year>\d{4}) (?P<clock>\d\d:\d\d): ",
        ),
        integers="pid status bytes",
        floats="elapsed",
        refine=_take_day,
    ),
    tag="gitlab.{json|logfmt|text}",
    entities={
        "addresses": "remote_ip ip ip_address client",
        "users": "username user author_name meta.user params.value.login",
    },
)
