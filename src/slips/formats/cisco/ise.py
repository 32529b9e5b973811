"""Messages of Cisco Identity Services Engine, one category each: authentications, accounting, administration."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_PART = re.compile(r"((?:\\.|[^\\,{]|\{[^{}]*+\}|\{|,(?! |\Z))+),? ?", re.DOTALL)
_ESCAPED = re.compile(r"\\([,;{}\\])")
_INTEGERS = frozenset(
    "ConfigVersionId DestinationPort RequestLatency ResponseTime TotalAuthenLatency ClientLatency".split()
)


def _name_attributes(_meta: MetaData, event: Event) -> None:
    """Put the attributes into the event; one that comes again, as steps do, has a list of its values."""
    for part in _PART.findall(event.pop("attributes", None) or ""):
        name, assign, text = part.partition("=")
        name, value = name.strip(), _ESCAPED.sub(r"\1", text).strip() if "\\" in text else text.strip()
        if not assign:
            if name and "text" not in event:
                event["text"] = name
            continue
        found = int(value) if name in _INTEGERS and value.isdecimal() else value
        if name not in event:
            event[name] = found
        elif isinstance(event[name], list):
            event[name].append(found)
        else:
            event[name] = [event[name], found]


# A message longer than 8 KB comes in segments, of which only the first has a time, a code and a text.
CISCO_ISE = Patterns(
    "cisco-ise",
    "Cisco Identity Services Engine: authentications, accounting, administrators, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/security/ise/syslog/Cisco_ISE_Syslogs/m_SyslogsList.html",
    chain=("s3-lines", "syslog-any", "cisco-ise"),
    time=iso("time"),
    tag="cisco.ise.{category}",
    message="{category} {code|severity|'-'} {class|'-'}: {text|'-'}",
    patterns=(
        r"CISE_(?P<category>[A-Za-z_]+) (?P<message_id>\d+) (?P<segments>\d+) (?P<segment>\d+) "
        r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d\d:\d\d) (?P<sequence>\d+) (?P<code>\d+) "
        r"(?P<severity>[A-Z]+) (?P<class>[^:,]+): (?P<text>[^,]*)(?:, ?(?P<attributes>.*))?",
        r"CISE_(?P<category>[A-Za-z_]+) (?P<message_id>\d+) (?P<segments>\d+) (?P<segment>\d+) +(?P<attributes>[^ ].*)",
        r"CISE_(?P<category>[A-Za-z_]+) (?P<severity>[A-Z]+): (?P<text>.*)",
    ),
    integers="segments segment code",
    refine=_name_attributes,
    entities={
        "addresses": (
            *("NAS-IP-Address", "Framed-IP-Address", "EndPointIPAddress", "AdminIPAddress", "IpAddress"),
            *("DestinationIPAddress", "Device IP Address"),
        ),
        "users": "UserName User-Name AdminName",
        "hosts": "NetworkDeviceName",
    },
)
