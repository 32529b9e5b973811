"""Messages of Citrix ADC, NetScaler: connections, sign-ins, sessions of its gateway, commands, its firewall."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_TIME = r" ?(?:(?P<address>[0-9a-fA-F.:]+) +)?(?P<time>\d\d/\d\d/\d{4}:\d\d:\d\d:\d\d) +(?:(?P<zone>[A-Z]{2,5}) +)?"
_FRONT = rf"{_TIME}(?:(?P<host>[^ ]+) +)?(?P<engine>\d+-PPE-\d+) : "
_BODY = r"(?P<event>[^ ]+) (?P<event_id>\d+) (?P<count>\d+) : *(?P<text>.*)"
_PART = re.compile(r'((?:"[^"]*+"|[^" ]| (?! {0,3}- )|")+)(?: {1,4}- *)?')
_LABELS = re.compile(r"((?:\[[^\[\]]*+\] {0,3})+)")
_LABEL = re.compile(r"\[([^\[\]]*)\]")
_PAIR = re.compile(r'(Start Time|End Time|Delink Time|[A-Za-z_][A-Za-z0-9_():-]*) *("[^"]*"|.*)', re.DOTALL)
_END = re.compile(r"(\[?[0-9a-fA-F.:]+?\]?):(\d{1,5})")
_REQUEST = re.compile(r"([0-9a-fA-F.:]+) +(\S+-PPE\d+) +(\S+) +(\S+) +(.*)", re.DOTALL)
_WEB = re.compile(
    r"(?:Context (\S+) - )?(?:SessionId: (\d+) - )?(\S+) User (\S+) : Group\(s\) ([^:]*?) : Vserver (\S+) - [^ ]+ +"
    r"(?:[A-Z]+ )?: (?:Message = )?SSO is (\S+) : (\S+) (\S+)"
)
_ENDS = ("Source", "Destination", "Vserver", "NatIP")


def _name_parts(meta: MetaData, event: Event) -> None:
    """Read the time in its zone, and put the parts between hyphens into the event: a name, a blank, a value."""
    if time := event.get("time"):
        month = int(time[:2])
        if not 1 <= month <= 12:
            times.written(time, "%m/%d/%Y:%H:%M:%S", "time")  # raises
        zone = f" {event['zone']}" if "zone" in event else ""
        written = f"{_MONTHS[month - 1]} {time[3:5]} {time[6:10]} {time[11:]}{zone}"
        meta.timestamp = times.any_notation(written, meta.timestamp, "time")
    text = event["text"]
    if event["event"].startswith("APPFW"):
        if request := _REQUEST.match(text):
            names = ("Client_ip", "transaction", "session", "profile", "violation")
            event |= dict(zip(names, request.groups(), strict=True))
        return
    if event["event"] == "Message":
        return
    if web := _WEB.match(text):
        parts = ("Context", "SessionId", "host_name", "User", "Group(s)", "Vserver", "SSO", "method", "url")
        event |= {name: value for name, value in zip(parts, web.groups(), strict=True) if value}
    elif event["event"] != "HTTPREQUEST":
        _name_pairs(event, text)
    for name in _ENDS:
        if end := _END.fullmatch(str(event.get(name, ""))):
            event[f"{name}_ip"], event[f"{name}_port"] = end[1].strip("[]"), int(end[2])


def _name_pairs(event: Event, text: str) -> None:
    for part in _PART.findall(text):
        labels = _LABELS.match(part)
        if labels:
            event["labels"] = _LABEL.findall(labels[1])
        if pair := _PAIR.fullmatch(part[labels.end() if labels else 0 :].strip()):
            name, value = pair[1].rstrip(":"), pair[2].strip('"').strip()
            event[name] = int(value) if name.startswith("Total_") and value.isdecimal() else value


# The month is first, as in the default of `dateFormat`. A time without a zone is of the appliance's clock.
NETSCALER = Patterns(
    "netscaler",
    "Citrix ADC (NetScaler): TCP, SSL VPN, AAA, CLI and other modules, with or without a syslog header",
    "https://developer-docs.netscaler.com/en-us/netscaler-syslog-message-reference/current-release",
    chain=("s3-lines", "syslog-any", "netscaler"),
    tag="citrix.netscaler.{event}",
    message="{module|'-'} {event}: {text}",
    patterns=(
        rf"{_FRONT}(?P<partition>[^ ]+) (?P<module>[^ ]+) {_BODY}",
        # of old versions, which have neither partitions nor numbers of nodes
        rf"{_TIME}(?P<host>[^ ]+) +(?P<engine>PPE-\d+) : (?P<module>[^ ]+) (?P<event>[^ ]+) (?P<event_id>\d+) "
        r"(?:(?P<count>\d+) )?: *(?P<text>.*)",
        rf" ?(?P<partition>[^ ]+) {_BODY}",
    ),
    integers="event_id count",
    refine=_name_parts,
    entities={
        "addresses": "Source_ip Destination_ip Client_ip Remote_ip ClientIP Vserver_ip",
        "users": "User",
        "hosts": "host",
    },
)
