"""Messages of Citrix ADC, NetScaler: connections, sign-ins, sessions of its gateway, commands, also of its shells, its
firewall."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated

from slips import times
from slips.errors import RecordError
from slips.format import Event, Format, FormatOptions, a_key
from slips.model import MetaData
from slips.parsing import Patterns
from slips.parsing.typed import booleans_by_text

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_TIME = (
    r" ?(?:<(?P<priority>\d{1,3})> )?(?:(?P<address>[0-9a-fA-F.:]+) +)?"
    r"(?P<time>\d{2,4}/\d\d/\d{2,4}:\d\d:\d\d:\d\d) (?:(?P<zone>[A-Z]{2,5}) )? *"
)
"""The beginning of a line. Two blanks behind a time say that it is local: a name such as ADC behind them is a host."""
_FRONT = rf"{_TIME}(?:(?P<host>[^ ]+) +)?(?P<engine>\d+-PPE-\d+) : "
_BODY = r"(?P<event>[^ ]+) (?P<event_id>\d+) (?P<count>\d+) : *(?P<text>.*)"
_PART = re.compile(r'((?:"[^"]*+"|[^" ]| (?! {0,3}- )|")+)(?: {1,4}- *)?')
_LABELS = re.compile(r"((?:\[[^\[\]]*+\] {0,3})+)")
_LABEL = re.compile(r"\[([^\[\]]*)\]")
_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})|(\d{4})/(\d\d)/(\d\d)")
_PAIR = re.compile(
    r"(Start Time|End Time|Delink Time|Client IP|Client security check|[A-Za-z_][A-Za-z0-9_():-]*) *(.*)",
    re.DOTALL,
)
_END = re.compile(r"(\[?[0-9a-fA-F.:]+?\]?):(\d{1,5})")
_REQUEST = re.compile(r"([0-9a-fA-F.:]+) +(\S+-PPE\d+) +(\S+) +(\S+) +(.*)", re.DOTALL)
_WEB = re.compile(
    r"(?:Context (\S+) - )?(?:SessionId: (\d+) ?- )?(\S+) User (\S+) : Group\(s\) ([^:]*?) : Vserver (\S+) - "
    r"\d[^ ]+ +(?:[A-Z]{2,5} (?=: |[A-Z]+ ))?(?:: (?:Message = )?SSO is (?P<SSO>\S+) : )?([A-Z]+) (\S+)"
)
_SESSION = re.compile(r"(?<=SessionId: )(\d+)- ")
"""A session's number of old versions, which have no blank behind it."""
_ENDS = ("Source", "Destination", "Vserver", "NatIP")


class NetscalerOptions(FormatOptions, frozen=True):
    """The options of `netscaler`."""

    day_first: Annotated[
        bool,
        a_key("Whether dates are 29/11/2026, as with the `dateFormat` DDMMYYYY of the appliance; 2026/11/29 is clear."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class _Netscaler(Patterns):
    options: type[FormatOptions] | None = field(init=False, default=NetscalerOptions)

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format, which reads the day before the month if the options say so."""
        declared = self
        if isinstance(options, NetscalerOptions) and options.day_first:
            declared = replace(self, refine=_of_day_first)
        return super(_Netscaler, declared).with_options(options)


def _of_day_first(meta: MetaData, event: Event) -> None:
    _name_parts(meta, event, day_first=True)


def _read_time(meta: MetaData, event: Event, *, day_first: bool) -> None:
    """Read the time in its zone. Raises RecordError."""
    time = event["time"]
    date, _, clock = time.partition(":")
    if (found := _DATE.fullmatch(date)) is None:
        raise RecordError(f"'time' is {time!r}; expected one such as '11/29/2026:08:00:00'")
    month, day, year = (found[5], found[6], found[4]) if found[4] else found.groups()[:3]
    if day_first and not found[4]:
        month, day = day, month
    if not 1 <= int(month) <= 12:
        expected = "the day first" if day_first else "the month first"
        advice = "" if day_first else "; set the option 'day_first' if the appliance has the dateFormat DDMMYYYY"
        raise RecordError(f"'time' is {time!r}; expected {expected}{advice}")
    zone = f" {event['zone']}" if "zone" in event else ""
    written = f"{_MONTHS[int(month) - 1]} {day} {year} {clock}{zone}"
    meta.timestamp = times.any_notation(written, meta.timestamp, "time")


_NOTHING = ("N/A", "NONE")
"""Values of a user who is in no group, and of one who is no administrator."""


def _name_parts(meta: MetaData, event: Event, *, day_first: bool = False) -> None:
    """Read the time, and put the parts between hyphens into the event: a name, a blank, a value."""
    if "time" in event:
        _read_time(meta, event, day_first=day_first)
    text = event["text"]
    if "shell_command" in event:
        event["shell_command"] = event["shell_command"].removesuffix('"')  # a long one has no end
        return
    if event["event"].startswith("APPFW"):
        if request := _REQUEST.match(text):
            names = ("Client_ip", "transaction", "session", "profile", "violation")
            event |= dict(zip(names, request.groups(), strict=True))
        return
    if event["event"] == "Message":
        return
    labels = _LABELS.match(text)
    if web := _WEB.match(text, labels.end() if labels else 0):
        if labels:
            event["labels"] = _LABEL.findall(labels[1])
        parts = ("Context", "SessionId", "host_name", "User", "Group(s)", "Vserver", "SSO", "method", "url")
        found = {name: value for name, value in zip(parts, web.groups(), strict=True) if value}
        event |= {name: None if value in _NOTHING else value for name, value in found.items()}
        if web["SSO"]:
            event["SSO"] = booleans_by_text(("on/off",)).get(web["SSO"], web["SSO"])
    elif event["event"] != "HTTPREQUEST":
        _name_pairs(event, _SESSION.sub(r"\1 - ", text, count=1))
    for name in _ENDS:
        if end := _END.fullmatch(str(event.get(name, ""))):
            event[f"{name}_ip"], event[f"{name}_port"] = end[1].strip("[]"), int(end[2])


def _name_pairs(event: Event, text: str) -> None:
    for part in _PART.findall(text):
        labels = _LABELS.match(part)
        if labels:
            event["labels"] = _LABEL.findall(labels[1])
        if pair := _PAIR.fullmatch(part[labels.end() if labels else 0 :].strip()):
            name, value = pair[1].rstrip(":"), pair[2]
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            value = value.strip()
            if name == "Client IP":  # of checks of clients, others write `Client_ip`
                name = "Client_ip"
            elif name == "CaseID":
                value = value.removesuffix(":")
            is_number = name.startswith("Total_") and value.isdecimal()
            event[name] = int(value) if is_number else None if value in _NOTHING else value


# The month is first, as in the default of `dateFormat`. A time without a zone is of the appliance's clock.
NETSCALER = _Netscaler(
    "netscaler",
    "Citrix ADC (NetScaler): TCP, SSL VPN, AAA, CLI and other modules, its shells, with or without a syslog header",
    "https://developer-docs.netscaler.com/en-us/netscaler-syslog-message-reference/current-release",
    chain=("s3-lines", "syslog-any", "netscaler"),
    tag="citrix.netscaler.{event|'shell_command'}",
    message="{module|'-'} {event|'shell_command'}: {text}",
    patterns=(
        rf"{_FRONT}(?P<partition>[^ ]+) (?P<module>[^ ]+) {_BODY}",
        # of old versions, which have neither partitions nor numbers of nodes
        rf"{_TIME}(?P<host>[^ ]+) +(?P<engine>PPE-\d+) : (?P<module>[^ ]+) (?P<event>[^ ]+) (?P<event_id>\d+) "
        r"(?:(?P<count>\d+) )?: *(?P<text>.*)",
        rf" ?(?P<partition>[^ ]+) {_BODY}",
        # of the management service of an SDX, without numbers; of programs beside the packet engines, with no more
        rf"{_FRONT}(?P<module>[A-Z_]+) (?P<event>[^ ]+) : *(?P<text>.*)",
        r" ?(?P<module>[A-Z_]+) (?P<event>Message) : *(?P<text>.*)",
        r' ?(?P<text>(?P<User>[^ ]+) on (?P<terminal>[^ ]+) shell_command="(?P<shell_command>.*))',
    ),
    integers="priority event_id count",
    refine=_name_parts,
    entities={
        "addresses": "Source_ip Destination_ip Destination NatIP_ip Client_ip Remote_ip ClientIP Vserver_ip host_name",
        "users": "User",
        "hosts": "host",
        "domains": "host_name",
    },
)
