"""Audit logs of Stormshield Network Security firewalls (SNS), which are pairs as in WELF."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, all_of, any_of, stamp
from slips.parsing.conversions import convert_fields

_LEVELS = frozenset("sandboxinglevel spamlevel security system error classification srchostrep dsthostrep".split())
"""Numbers of one kind of log or another, some of which other kinds may write as words."""


def _read_levels(_meta: MetaData, event: Event) -> None:
    convert_fields(event, _LEVELS)


# Its monitor writes times without quotes.
_MONITOR = (
    r"(?:id=(?P<id>[^ ]+) )?time=(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) fw=(?P<fw>[^ ]+) tz=(?P<tz>[^ ]+) "
    r"startime=(?P<startime>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) "
)

# The times are what the firewall's clock shows, whose distance from UTC is `tz`.
STORMSHIELD = KeyValue(
    "stormshield",
    "Stormshield firewalls (SNS): connections, filters, alarms, web, VPN, sign-ins, with or without a syslog header",
    "https://documentation.stormshield.eu/SNS/v4/en/Content/Description_of_Audit_logs/Understand_log_files.htm",
    chain=("s3-lines", "syslog-any", "stormshield"),
    head=f"(?:{_MONITOR})?",
    escapes="none",
    require=all_of("fw", "startime", any_of("time", "tz")),
    time=stamp(("time", "tz"), ("startime", "tz"), "time", "startime"),
    tag="stormshield.sns.{logtype|'log'}",
    message="{action|logtype|'log'}{' ' src}{' => ' dst}{':' dstport}{' ' msg|arg}",
    integers="""pri srcport dstport modsrcport origdstport ipv sent rcvd icmptype icmpcode pktlen pktdumplen slotlevel
        ruleid repeat risk""",
    floats="duration",
    refine=_read_levels,
    entities={
        "addresses": "src dst modsrc origdst address",
        "users": "user",
        "hosts": "srcname fw",
        "domains": "dstname",
        "hashes": "hash",
    },
)
