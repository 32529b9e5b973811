"""Logs of Apache ActiveMQ: of the broker, and of what administrators did; of Classic and of Artemis."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_TIME = r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d{3})"
_LEVEL = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
_LOGGER = re.compile(r" \| ([^|\s]+) \| ([^|\n]+)(?:\n|\Z)")
"""Logger and thread at the end of a message, before a stack trace. A message may have bars, too."""
_THREAD = re.compile(r" \| ([^|\n]+)(?:\n|\Z)")
_ACT = re.compile(r"([^\n]{0,300}?) (called|ended|requested) ([^\s\[]+)", re.DOTALL)
_CALLED_AT = re.compile(r" at (\d\d-\d\d-\d{4} \d\d:\d\d:\d\d,\d{3})\Z")
_ASKED_FROM = re.compile(r" from ([^\s\[\]]*)\Z")
_CODE = re.compile(r"(AMQ\d{4,6}): (?:User ([^\s@(]+)(?:\([^()\n]*\))?@(\S+) )?")
"""The number of a message of Artemis, and whoever acted, with roles and address."""


def _take_act(event: Event) -> bool:
    """Take apart the text of an act of an administrator. Returns whether it is one."""
    text = event["message"]
    if not (act := _ACT.match(text)):
        return False
    event["user"], event["action"], event["operation"] = act.groups()
    rest = text[act.end() :]
    if called := _CALLED_AT.search(rest):
        rest, event["called_at"] = rest[: called.start()], called[1]
    elif asked := _ASKED_FROM.search(rest):
        rest = rest[: asked.start()]
        if asked[1]:
            event["client"] = asked[1]
    parameters = rest.strip().removeprefix("[").removesuffix("]").strip()
    if parameters:
        event["parameters"] = parameters
    return True


def _take_apart(meta: MetaData, event: Event) -> None:
    """Part logger, thread and stack trace from a message, and what an audit log says of an act."""
    text, kind = event["message"], "log"
    if "mark" in event:  # of Artemis
        if event.pop("mark") == "AUDIT":
            kind = "audit"
    elif found := _LOGGER.search(text):
        event["message"], event["logger"], event["thread"] = text[: found.start()], found[1], found[2].rstrip()
        if further := text[found.end() :]:
            event["stack_trace"] = further
    elif found := _THREAD.search(text):
        event["message"], event["thread"] = text[: found.start()], found[1].rstrip()
        if _take_act(event):
            kind = "audit"
    message = event["message"]
    if code := _CODE.match(message):
        event["code"] = code[1]
        event |= {
            name: text for name, text in (("user", code[2]), ("client", code[3])) if text not in (None, "unknown")
        }
    if "time" not in event and "called_at" in event:
        day, month, rest = event["called_at"].split("-")
        meta.timestamp = times.iso(f"{rest[:4]}-{month}-{day}{rest[4:]}", "called_at")
    event["kind"] = kind
    meta.message = " ".join((event.get("level", "AUDIT"), *message.split()))


# An audit log of later versions has no time in front: a call says when it was, a request is of its object's time.
ACTIVEMQ = Patterns(
    "activemq",
    "Apache ActiveMQ Classic and Artemis: activemq.log, artemis.log and audit.log, with stack traces",
    "https://activemq.apache.org/components/classic/documentation/audit-logging",
    chain=(
        {
            "multiline": {
                "start": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d{3} |(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) {1,2}\| "
            }
        },
        "activemq",
    ),
    tag="apache.activemq",
    time=iso("time"),
    patterns=(
        rf"{_TIME} \| {_LEVEL} *\| (?P<message>.*)",
        rf"{_LEVEL} *\| (?P<message>.*)",
        rf"{_TIME} \[(?P<mark>AUDIT)\] ?\((?P<thread>[^()]*+(?:\([^()]*+\)[^()]*+)?)\) (?P<message>.*)",
        rf"{_TIME} {_LEVEL} +(?P<mark>\[)(?P<logger>[^\]]*+)\] (?P<message>AMQ\d{{4,6}}.*)",
        rf"{_TIME} {_LEVEL} +(?P<mark>\[)(?P<logger>(?:org\.apache\.(?:activemq|amq)|io\.hawt)\.[^\]]*+)\] "
        r"(?P<message>.*)",
    ),
    refine=_take_apart,
    entities={"addresses": "client", "users": "user"},
)
