"""The log of Gitea and Forgejo: requests, logins that failed, messages."""

from __future__ import annotations

from slips.parsing import Patterns, written

_HEAD = (
    r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?:(?P<caller>[^ \[]+) )?\[(?P<level>[A-Z])\] "
    r"(?:\[(?P<trace>[^\]]*)\] )?"
)

GITEA = Patterns(
    "gitea",
    "logs of Gitea and Forgejo: requests, logins that failed, messages",
    "https://docs.gitea.com/administration/logging-config",
    patterns=(
        _HEAD + r"(?P<message>router: (?P<event>completed|started|slow|polling|failed) +(?P<method>[A-Z]+) "
        r"(?P<path>[^ ]+) for (?P<client>[^ ,]+)(?:, (?P<status>\d{3}))?.*)",
        _HEAD + r"(?P<message>(?P<event>Failed authentication attempt) for (?P<user>[^ ]+) from (?P<client>[^ ]+).*)",
        _HEAD + r"(?P<message>.*)",
    ),
    time=written("%Y/%m/%d %H:%M:%S", "time"),
    tag="gitea.{event|'message'}",
    message="{message}",
    integers="status",
    entities={"addresses": "client", "users": "user"},
)
