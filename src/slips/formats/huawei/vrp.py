"""Messages of Huawei's operating system VRP: USG firewalls, switches, routers; and of H3C's Comware, which came of it.

A message is `%%01MODULE/6/BRIEF(l): text`, behind the time and the name of the device, and maybe a relay's header; or
behind the relay's header alone.
"""

from __future__ import annotations

import re

from slips import times
from slips.errors import foreign_record
from slips.format import Event, RecordLimits
from slips.model import MetaData
from slips.parsing import Patterns
from slips.parsing.conversions import integer_or_text
from slips.parsing.syslog_lines import read_front

_TIME = (
    r"(?:[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:(?::\d{3})? \d{4}(?= ))?"
    r"|\d{4}[-/]\d{1,2}[-/]\d{1,2}[ T]\d\d:\d\d:\d\d)"
)
_HEADER = re.compile(
    rf"(?:^|[ >])(?P<time>{_TIME})(?P<fraction>[.:]\d{{1,6}})?(?P<zone>[+-]\d\d:\d\d)?(?: DST)? "
    r"(?P<host>[^ ]{1,255})$",
    re.ASCII,
)
"""The device's own time and name, at the end of what is before the message."""
_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_MILLISECONDS = re.compile(r"(?<=:\d\d):(\d{3})(?= \d{4}$)")
_SLASHED = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
_PAIR = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,60}=")
_BETWEEN = re.compile(r"[,;] ?(?=[A-Za-z][A-Za-z0-9_.-]{0,60}=)")
_MOST = 200
"""Pairs of a message that are named; the longest have some forty."""
_NUMBERS = frozenset(
    """sourceport destinationport srcport dstport source-port destination-port sendpkts sendbytes rcvpkts rcvbytes
    eventnum begintime endtime syslogid sourcevpnid destinationvpnid ipver""".split()
)


def _take_pairs(event: Event, text: str) -> None:
    for part in _BETWEEN.split(text, maxsplit=_MOST):
        name, _, value = part.partition("=")
        value = value.strip()
        value = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        if name not in event:
            event[name] = integer_or_text(value) if name.lower() in _NUMBERS else value


def _take_apart(meta: MetaData, event: Event) -> None:
    """Read the header, and the pairs of the text. Raises RecordError for a header without a time and a name."""
    before = event.pop("before").rstrip()
    found = _HEADER.search(before[-400:])
    if found is None:
        _read_front(meta, event, before)
    else:
        _read_own(meta, event, before, found)
    text = event["message"]
    meta.message = f"{event['module']}/{event['severity']}/{event['brief']}: {text}"
    if _PAIR.match(text):
        _take_pairs(event, text.rstrip().removesuffix("."))
    elif text.rstrip().endswith((")", ").")) and (start := text.find("(")) >= 0 and _PAIR.match(text, start + 1):
        _take_pairs(event, text[start + 1 :].rstrip().removesuffix(".").removesuffix(")"))


def _read_front(meta: MetaData, event: Event, before: str) -> None:
    """Read a header of RFC 5424 that stands in place of the device's own. Raises RecordError."""
    front = read_front(f"{before} ", RecordLimits())
    if not front.keys() & {"datetime", "hostname"}:
        raise foreign_record(
            f"header is {before[-60:]!r}; expected a time and a name, such as 'Oct  5 2018 10:52:19 fw1'"
        )
    event |= {name: front[name] for name in ("datetime", "hostname", "priority") if name in front}
    if "datetime" in front:
        meta.timestamp = times.any_notation(front["datetime"], meta.timestamp, "datetime")


def _read_own(meta: MetaData, event: Event, before: str, found: re.Match[str]) -> None:
    """Read the header that the device wrote. Raises RecordError."""
    if priority := _PRIORITY.match(before):
        event["priority"] = int(priority[1])
    fraction = found["fraction"] or ""
    event["datetime"], event["hostname"] = found["time"] + fraction + (found["zone"] or ""), found["host"]
    if "T" in found["time"]:  # of a relay: the device has a blank between date and clock
        meta.timestamp = times.iso(event["datetime"], "datetime")
        return
    # The clock is that of UTC, and the zone behind it says what local time is, as Huawei's documentation has it.
    written = _SLASHED.sub(lambda date: f"{date[1]}-{date[2]:0>2}-{date[3]:0>2}", found["time"])
    written = _MILLISECONDS.sub(r".\1", written)
    seconds = times.any_notation(f"{written} UTC" if found["zone"] else written, meta.timestamp, "datetime")
    meta.timestamp = seconds + float(f"0.{fraction[1:]}") if fraction else seconds


HUAWEI_VRP = Patterns(
    "huawei-vrp",
    "Huawei VRP: USG firewalls, switches and routers, and H3C Comware: sessions, policies, sign-ins, interfaces",
    "https://support.huawei.com/enterprise/en/doc/EDOC1100127053/8693be18/information-output-format",
    tag="huawei.vrp.{module}",
    patterns=(
        r"(?P<before>[^%]*)%% ?(?P<version>\d\d) ?(?P<module>[A-Za-z0-9_-]+)/(?P<severity>[0-7])/"
        r"(?P<brief>[A-Za-z0-9_-]+)"
        r"(?:\((?P<flag>[a-z])\))?(?:\[(?P<count>\d+)\])?: ?(?P<message>.*)",
        # The log file and the console of Comware: `%Nov 24 14:21:43:502 2010 Sysname SHELL/5/SHELL_LOGIN: text`.
        r"%(?:@\d{1,10}[%#^]?)?(?P<before>[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d:\d{3} \d{4} [^ ]+) "
        r"(?P<module>[A-Za-z0-9_-]+)/(?P<severity>[0-7])/(?P<brief>[A-Za-z0-9_-]+): ?(?P<message>.*)",
    ),
    integers="severity count",
    refine=_take_apart,
    entities={
        "addresses": "source-ip destination-ip SourceIP DestinationIP SrcIp DstIp IPAddress Ip",
        "users": "User user UserName",
        "hosts": "hostname",
        "domains": "Host",
    },
)
