"""Messages of Dovecot, as syslog and its own log file have them."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_TIME = (
    r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?) "
)
_LEVEL = r"(?:(Info|Warning|Warn|Error|Fatal|Panic|Debug): )?"
# Syslog has no level with messages for information. A log file of version 1 has it in front of the process.
_MESSAGE = re.compile(rf"{_LEVEL}(?:([A-Za-z0-9-]+)((?:\([^()]*+\)|<[^<>]*+>)*+): )?{_LEVEL}(.*)", re.DOTALL)
_OWNER = re.compile(r"\(([^()]*)\)|<([^<>]*)>")
_ELEMENTS = re.compile(r": (?=(?:user|method|rip)=)")
_EVENT = re.compile(r"([^:(]*[^:( ]):? ?(?:\(([^()]*)\)\Z|(.*))", re.DOTALL)
_LOOKUP = re.compile(r"(?:conn [^>]*>: )?([a-z-]+)\(([^,()]*),([0-9a-fA-F.:]*)(?:,(?:<([^<>]*)>)?[^()]*)?\): ")
_ENDED = re.compile(r"((?:Disconnected|Logged out|Connection closed)[^=]*) [a-z_]+=")
_COUNT = re.compile(r" ([a-z_]+)=([\d/]+)(?=[ ,]|\Z)")


def _cut_message(_meta: MetaData, event: Event) -> None:
    """Take a message apart: its process with user and session, and what logins, logouts and lookups are about."""
    parts = _MESSAGE.fullmatch(event["message"])
    assert parts is not None  # noqa: S101 - it matches any text
    old_level, service, owner, level, text = parts.groups()
    event["text"] = text
    if level or old_level:
        event["level"] = level or old_level
    if service is None:
        return
    event["service"] = service
    for round_, angular in _OWNER.findall(owner):
        for value in round_.split(", ") if round_ else [angular]:
            if value.isdecimal():
                event["pid"] = int(value)
            elif round_ and service.startswith("auth"):  # whose process has a name there, such as 'default', or a user
                names = ("user", "rip") if "," in value else ()
                event |= {name: part for name, part in zip(names, value.split(","), strict=False) if part}
            elif value:
                event["user" if round_ else "session"] = value
    if service.endswith("-login"):
        _name_elements(event, text)
    elif service.startswith("auth"):
        if lookup := _LOOKUP.match(text):
            of_lookup = ("driver", "user", "rip", "session")
            event |= {name: value for name, value in zip(of_lookup, lookup.groups(), strict=True) if value}
    elif ended := _ENDED.match(text):
        event["event"] = ended[1]
        event |= {name: int(value) if value.isdecimal() else value for name, value in _COUNT.findall(text)}


def _name_elements(event: Event, text: str) -> None:
    """Name the event of a login process, its reason, and the elements of `login_log_format_elements`."""
    what, *elements = _ELEMENTS.split(text, maxsplit=1)
    if not elements or not (found := _EVENT.fullmatch(what)):
        return
    event["event"] = found[1]
    if reason := found[2] or found[3]:
        event["reason"] = reason
    for element in elements[0].split(", "):
        name, assign, value = element.partition("=")
        if not assign or " " in name:
            event.setdefault("security", element)
        else:
            value = value.removeprefix("<").removesuffix(">")
            event[name] = int(value) if name in ("mpid", "pid") and value.isdecimal() else value


DOVECOT = Patterns(
    "dovecot",
    "Dovecot: logins, sessions, authentication, deliveries, of syslog or of its own log file",
    "https://doc.dovecot.org/admin_manual/logging/",
    time=stamp("time"),
    tag="dovecot.mail",
    message="{message}",
    patterns=(
        rf"{_TIME}(?P<hostname>[^ :]+) dovecot(?:\[(?P<dovecot_pid>\d+)\])?: (?P<message>.*)",
        r"<(?P<priority>\d{1,3})>1 (?P<time>[^ ]+) (?P<hostname>[^ ]+) dovecot (?:(?P<dovecot_pid>\d+)|-) "
        r"(?:-|(?P<message_id>[^ ]+)) -  ?"
        r"(?P<message>[A-Za-z].*)",
        rf"{_TIME}(?P<message>[A-Za-z0-9-]+(?:: |\(|<).*)",
        r"(?P<message>(?:a(?:uth|nvil)|config|d(?:ict|oveadm)|i(?:map|ndexer)|l(?:mtp|da|og)|ma(?:ster|nagesieve)|pop3"
        r"|s(?:ubmission|tats|sl-params)|Info|Warn|Error|Fatal|Panic|Debug)[a-z-]*(?:: |\(|<).*)",
    ),
    integers="priority dovecot_pid",
    refine=_cut_message,
    entities={"addresses": "rip lip", "users": "user", "hosts": "hostname"},
)
