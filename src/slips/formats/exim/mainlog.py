"""Main log of Exim, and the lines of it that the reject log repeats."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_TIME = r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [+-]\d{4})?) )?(?:\[(?P<pid>\d++)\] )?(?P<text>"
_ID = r"(?P<message_id>[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})"  # longer since version 4.97
_PEER = re.compile(r"(?:([^ (\[]+) )?(?:\(([^)]*)\) )?\[([^\] ]*)\](?::(\d+))?")
_FIELD = re.compile(rf' ([A-Za-z][A-Za-z0-9]{{0,7}})=((?<= H=){_PEER.pattern}|"(?:[^"\\]|\\.)*"|[^ "]*)')
_PAIRS = re.compile(r" ([A-Z]{1,3})=([^ ]+)")
_INTERFACE = re.compile(r" I=\[([^\] ]*)\](?::(\d+))?")
_AUTHENTICATION = re.compile(r"(?: U=[^ ]+)?: ([^(]*[^( ])(?: \(set_id=([^)]*)\))?")
_ENVELOPE = re.compile(r"(?: from <?([^ <>]*)>?)?(?: for (.*))?", re.DOTALL)
_REFUSAL = re.compile(
    r" ((?:temporarily )?rejected|Warning|accepted):?(?: (?!<)([^:<]*[^:< ]))?(?: <([^>]*)>)?(?:: (.*))?", re.DOTALL
)
_VERIFIED = re.compile(r" (sender verify (?:fail|defer)) for <([^>]*)>(?:: (.*))?", re.DOTALL)
_ADDRESS = re.compile(r"(:[^ ]+|[^ ]+?(?=:? |:?\Z))(?: \(([^()]*)\))?(?: <([^<>]*)>)?")
_NUMBERS = frozenset(["S", "M8S"])


def _name_fields(_meta: MetaData, event: Event) -> None:
    """Put each field of a message into the event, by the letters that Exim documents, and the parts of a host."""
    if client := event.pop("client", None):
        _name_client(event, client)
    fields = event.pop("fields", None)
    if fields is None:
        return
    arrives, end = event.get("flag") in ("<=", "(="), 0
    if "flag" in event and (address := _ADDRESS.match(fields)):
        end = address.end(1) if arrives else address.end()
        event["sender" if arrives else "recipient"] = address[1].removeprefix("<").removesuffix(">")
        if not arrives:
            event |= {} if address[2] is None else {"parents": address[2]}
            event |= {} if address[3] is None else {"original": address[3]}
    elif fields.startswith(("F=", "H=")):
        fields = f" {fields}"
    while found := _FIELD.match(fields, end):
        name, value = found[1], found[2]
        end = found.end()
        if value[:1] == '"':
            value = value[1:-1].replace('\\"', '"')
        elif value[:1] == "<":
            value = value.removeprefix("<").removesuffix(">")
        elif value[-1:] == ":" and fields[end : end + 1] == " ":  # before a reason
            value = value[:-1]
        event[name] = int(value) if name in _NUMBERS and value.isdecimal() else value
        if name in ("H", "I"):
            _name_peer(event, "host" if name == "H" else "interface", value)
    _name_rest(event, fields[end:], arrives)


def _name_rest(event: Event, rest: str, arrives: bool) -> None:
    """Put into the event what stands behind the fields: the envelope, a reason, or what was refused and why."""
    if arrives:
        if (envelope := _ENVELOPE.fullmatch(rest)) and rest:
            event |= {} if envelope[1] is None else {"from": envelope[1]}
            event |= {"for": envelope[2].split()} if envelope[2] else {}
    elif "flag" in event:
        event |= {"reason": reason} if (reason := rest.lstrip(": ")) else {}
    elif verified := _VERIFIED.match(rest):
        event |= {"event": verified[1], "sender": verified[2]}
        event |= {} if verified[3] is None else {"reason": verified[3]}
    elif refusal := _REFUSAL.match(rest):
        names = ("event", "command", "recipient", "reason")
        event |= {name: value for name, value in zip(names, refusal.groups(), strict=True) if value is not None}


def _name_client(event: Event, text: str) -> None:
    """Name the parts of the client of a connection, and the reason behind it."""
    if peer := _PEER.match(text):
        _name_peer(event, "host", peer[0])
        rest = text[peer.end() :]
        if interface := _INTERFACE.match(rest):
            _name_peer(event, "interface", interface[0].removeprefix(" I="))
            rest = rest[interface.end() :]
        if event["event"].startswith("no MAIL"):
            event |= dict(_PAIRS.findall(rest))
        elif "authenticator" not in event:
            event |= {"reason": rest.strip()} if rest.strip() else {}
        elif found := _AUTHENTICATION.match(rest):
            event["reason"] = found[1]
            event |= {} if found[2] is None else {"set_id": found[2]}


def _name_peer(event: Event, side: str, text: str) -> None:
    if peer := _PEER.fullmatch(text):
        names = ("host", "helo", f"{side}_ip", f"{side}_port")
        for name, value in zip(names, peer.groups(), strict=True):
            if value:
                event[name] = int(value) if name.endswith("_port") else value


# The letters mean another thing on other lines: T is the subject of a message that arrives, and the transport of one
# that is delivered; so they are the names of the fields, as the documentation has them.
EXIM = Patterns(
    "exim",
    "Exim main log: arrivals, deliveries, rejections, connections; of the reject log the first lines",
    "https://www.exim.org/exim-html-current/doc/html/spec_html/ch-log_files.html",
    time=iso("time"),
    tag="exim.mainlog",
    message="{text}",
    patterns=(
        rf"{_TIME}{_ID} (?P<flag>[<(=*>-][=>*]) (?P<fields>.*))",
        rf"{_TIME}{_ID} (?P<event>Completed|Frozen|Message is frozen|Unfrozen|removed|cancelled)(?P<fields>.*))",
        rf"{_TIME}(?:{_ID} )?(?P<fields>(?:F=[^ ]+ )?H=.*))",
        # what a client sent stands in quotes, and may have any field in it
        rf"{_TIME}(?:{_ID} )?(?P<event>SMTP protocol synchronization error) (?P<what>\([^)]*\): rejected "
        r"(?:connection from|\"[^\"]*\")) (?P<fields>H=.*))",
        rf"{_TIME}(?:{_ID} )?(?P<event>SMTP (?:protocol|syntax) error) in (?P<what>\".*\") (?P<fields>H=.*))",
        rf"{_TIME}(?P<authenticator>[A-Za-z][A-Za-z0-9_.-]*) (?P<event>authenticator failed) for (?P<client>.*))",
        rf"{_TIME}(?P<event>SMTP (?:connection|call|command timeout|data timeout)) (?:on connection )?from "
        r"(?P<client>.*))",
        rf"{_TIME}{_ID} (?P<event>SMTP connection) from (?P<client>.*))",
        rf"{_TIME}{_ID} SA: (?P<event>Action): (?P<what>[^(]*\([^)]*\))\. From <(?P<sender>[^<>]*)> "
        r"\(host=(?P<client>[^\]]*\])\) for (?P<recipient>[^ ,]+).*)",
        rf"{_TIME}(?P<event>no MAIL in SMTP connection) from (?P<client>.*))",
        rf"{_TIME}(?P<event>no host name found|no IP address found) for (?:IP address (?P<host_ip>[^ ]+)"
        r"|host (?P<host>[^ ]+)).*)",
        rf"{_TIME}(?P<event>(?:Start|End) queue run|exim \d[^ ]* daemon started): pid=(?P<queue_pid>\d+).*)",
        rf"{_TIME}cwd=(?P<cwd>[^ ]*) (?P<count>\d+) args: (?P<args>.*))",
        rf"{_TIME}{_ID} .*)",
        rf"{_TIME}.*)",
    ),
    integers="pid queue_pid count",
    refine=_name_fields,
    entities={
        "addresses": "host_ip interface_ip",
        "users": "sender F recipient for set_id U",
        "hosts": "host helo",
    },
)
