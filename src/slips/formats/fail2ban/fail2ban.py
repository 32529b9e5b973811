"""The log of Fail2ban: what it found, banned and unbanned."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = (
    r"(?P<time>\d{4}-\d\d-\d\d [0-9:,.]+) (?P<logger>fail2ban[^ \[]*) *\[(?P<pid>\d+)\]: (?P<level>[A-Z]+) +"
    r"(?:\[(?P<jail>[^\]]+)\] )?"
)

FAIL2BAN = Patterns(
    "fail2ban",
    "Fail2ban logs: addresses that it found, banned and unbanned by jail, its server",
    "https://github.com/fail2ban/fail2ban/wiki/How-fail2ban-works",
    patterns=(
        _HEAD + r"(?P<message>(?P<action>Found) (?P<address>[^ ]+)(?: - (?P<found>[0-9: .-]+))?.*)",
        _HEAD + r"(?P<message>(?P<action>Ban|Unban|Restore Ban|Increase Ban) (?P<address>[^ ]+).*)",
        _HEAD + r"(?P<message>(?P<address>[0-9a-fA-F.:]+) (?P<action>already banned).*)",
        _HEAD + r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="fail2ban.{action|'message'}",
    message="{jail ': '}{message}",
    integers="pid",
    entities={"addresses": "address"},
)
