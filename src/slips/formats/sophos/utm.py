"""Logs of Sophos UTM (Astaro), of its log files or sent to a syslog server."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, Patterns, all_of, any_of, one_of, written
from slips.parsing.conversions import convert_fields

_HEAD = r"(?P<datetime>\d{4}:\d\d:\d\d-\d\d:\d\d:\d\d) (?P<hostname>[^ ]+) (?P<process>[^ \[:]+)(?:\[(?P<pid>\d+)\])?: "
_WORKER = r"(?:(?P<worker>[A-Z]{3,12})\[(?P<worker_id>\w+)\]: )?"
"""A part of the proxy of mails, which writes its own name and number."""
_TIME = written("%Y:%m:%d-%H:%M:%S", "datetime")

_COUNTS = frozenset(("proto", "port", "line", "time"))
"""Numbers of some parts of the firewall, for which others may have words."""


def _read_counts(_meta: MetaData, event: Event) -> None:
    convert_fields(event, _COUNTS)


# The pairs of the web server protection have a `time` of their own, the microseconds of a request. Programs that are
# not Sophos' own, such as dhcpd, write a text in place of pairs.
SOPHOS_UTM = one_of(
    "sophos-utm",
    "Sophos UTM (Astaro): packet filter, web filter, intrusions, mail, sign-ins, with or without a syslog header",
    "https://docs.sophos.com/nsg/sophos-utm/utm/9.707/help/en-us/Content/utm/utmAdminGuide/ReportingSettingsSettings.htm",
    KeyValue(
        "sophos-utm.pairs",
        "messages of Sophos UTM in pairs",
        head=f"(?:{_HEAD}{_WORKER})?",  # a collector of syslog may have put its own header in place of it
        escapes="none",
        absent="-",
        require=all_of("id", any_of("sys", "srcip")),
        time=_TIME,
        tag="sophos.utm.{sub|process}",
        message="{name|message|action|method|'log'}{' ' srcip}{' => ' dstip}{':' dstport}{' ' url|reason}",
        integers="""pid statuscode size length ttl srcport dstport authtime dnstime aptptime cattime avscantime
            fullreqtime""",
        booleans="cached",
        boolean_words="1/0",
        refine=_read_counts,
    ),
    Patterns(
        "sophos-utm.text",
        "messages of other programs of Sophos UTM",
        patterns=(rf"{_HEAD}{_WORKER}(?P<message>.*)",),
        time=_TIME,
        tag="sophos.utm.{process}",
        message="{message}",
        integers="pid",
    ),
    tag="sophos.utm.{sub|process}",
    chain=("s3-lines", "syslog-any", "sophos-utm"),
    entities={
        "addresses": "srcip dstip localip",
        "users": "user from to",
        "hosts": "hostname",
        "domains": "url server",
    },
)
