"""The log of Nagios Core, and of Naemon and Icinga 1, which write the same."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, epoch

_FIELDS = {
    "HOST STATE": "host state state_type attempt output",
    "SERVICE STATE": "host service state state_type attempt output",
    "HOST ALERT": "host state state_type attempt output",
    "SERVICE ALERT": "host service state state_type attempt output",
    "HOST NOTIFICATION": "contact host state command output",
    "SERVICE NOTIFICATION": "contact host service state command output",
    "HOST EVENT HANDLER": "host state state_type attempt command",
    "SERVICE EVENT HANDLER": "host service state state_type attempt command",
    "HOST DOWNTIME ALERT": "host state output",
    "SERVICE DOWNTIME ALERT": "host service state output",
    "HOST FLAPPING ALERT": "host state output",
    "SERVICE FLAPPING ALERT": "host service state output",
    "PASSIVE HOST CHECK": "host code output",
    "PASSIVE SERVICE CHECK": "host service code output",
    "TIMEPERIOD TRANSITION": "timeperiod from to",
    "EXTERNAL COMMAND": "command arguments",
}
"""The parts of each kind of entry, with semicolons between; the last may have such itself."""
_OF_COMMANDS = re.compile(r"(?<![A-Z])(HOST|SVC|SERVICE)(?![A-Z])")
"""The first of them says of what a command is: `SCHEDULE_HOST_SVC_DOWNTIME` is of all services of a host."""
_OF_NO_HOST = re.compile(
    r"(?:.*_)?(?:HOSTGROUP|SERVICEGROUP|CONTACT|CONTACTGROUP|GLOBAL)_|DEL_.*_(?:COMMENT|DOWNTIME)$"
)
"""Commands whose first argument is a group, a contact, a program, or the number of a comment or downtime."""
_INTEGERS = frozenset(["attempt", "code", "from", "to"])


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the parts of an entry, as its kind has them."""
    kind = event.get("type", "")
    known = kind.removeprefix("CURRENT ").removeprefix("INITIAL ").removeprefix("GLOBAL ")
    if known not in _FIELDS:
        return
    names = _FIELDS[known].split()
    for name, text in zip(names, event["text"].split(";", len(names) - 1), strict=False):
        is_number = name in _INTEGERS and re.fullmatch(r"-?\d{1,9}", text, re.ASCII)
        event[name] = int(text) if is_number else text.lstrip()
    if known != "EXTERNAL COMMAND" or not event.get("arguments") or _OF_NO_HOST.match(event["command"]):
        return
    if of := _OF_COMMANDS.search(event["command"]):
        host, _, rest = event["arguments"].partition(";")
        event["host"] = host
        if of[1] != "HOST" and rest:
            event["service"] = rest.partition(";")[0]


NAGIOS = Patterns(
    "nagios",
    "Nagios Core, Naemon and Icinga 1: alerts, states, notifications, downtimes, commands, of nagios.log or of syslog",
    "https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/configmain.html#log_file",
    chain=("s3-lines", "syslog-any", "nagios"),
    time=epoch("time"),
    integers="time",
    tag="nagios.{type|'message'}",
    message="{type ': '}{text}",
    patterns=(
        r"(?:\[(?P<time>\d{9,10})\] )?(?P<type>(?:(?:CURRENT|INITIAL|GLOBAL|PASSIVE) )?(?:HOST|SERVICE) "
        r"(?:ALERT|STATE|NOTIFICATION|EVENT HANDLER|DOWNTIME ALERT|FLAPPING ALERT|CHECK|ACKNOWLEDGE ALERT)"
        r"|EXTERNAL COMMAND|TIMEPERIOD TRANSITION|LOG ROTATION|LOG VERSION): (?P<text>.*)",
        r"\[(?P<time>\d{9,10})\] (?P<text>.*)",
    ),
    refine=_name_parts,
    entities={"hosts": "host", "users": "contact"},
)
