"""Messages of Cisco Identity Services Engine, one category each: authentications, accounting, administration."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso
from slips.parsing.conversions import integer_or_text
from slips.parsing.readers.segments import join_segments
from slips.parsing.typed import booleans_by_text

_PART = re.compile(r"((?:\\.|[^\\,{]|\{[^{}]*+\}|\{|,(?! |\Z))+),? ?", re.DOTALL)
_SEGMENT = re.compile(r"CISE_[A-Za-z_]{1,80} \d{1,20} \d{1,9} (\d{1,9}) ")
_ESCAPED = re.compile(r"\\([,;{}\\])")
_INTEGERS = frozenset(
    "ConfigVersionId DestinationPort RequestLatency ResponseTime TotalAuthenLatency ClientLatency".split()
)
_BOOLEANS = frozenset(
    """IsThirdPartyDeviceFlow allowEasyWiredSession FeedService PostureApplicable StaticAssignment
    StaticGroupAssignment""".split()
)


def _value(name: str, text: str) -> int | bool | str:
    if name in _INTEGERS:
        return integer_or_text(text)
    return booleans_by_text(("yes/no",)).get(text, text) if name in _BOOLEANS else text


def _name_attributes(_meta: MetaData, event: Event) -> None:
    """Put the attributes of all segments into the event; one that comes again, as steps do, has a list of its values.

    Segments that did not come are named as `missing_segments`.
    """
    attributes = event.pop("attributes", None) or ""
    if "segment" in event:
        attributes, missing = join_segments(attributes, event["segment"], event["segments"], _SEGMENT, 0)
        if missing:
            event["missing_segments"] = missing
    others = []
    for part in _PART.findall(attributes):
        name, assign, text = part.partition("=")
        name, value = name.strip(), _ESCAPED.sub(r"\1", text).strip() if "\\" in text else text.strip()
        if not assign:
            if name and "text" not in event:
                event["text"] = name
            elif name:
                others.append(name)
            continue
        found = _value(name, value)
        if name not in event:
            event[name] = found
        elif isinstance(event[name], list):
            event[name].append(found)
        else:
            event[name] = [event[name], found]
    if others:
        event["more"] = ", ".join(others)


# A message longer than 8 KB comes in segments, of which only the first has a time, a code and a text. Each has a header
# of syslog, whose host is part of the message's name: nodes count their messages on their own.
_SAME_MESSAGE = (
    r"(?:<\d{1,3}>)?(?:(?:[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d[^ ]*+|\d{4}-[^ ]++) ([^ ]++) )?"
    r"CISE_([A-Za-z_]++) (\d++) (?P<total>\d++) (?P<segment>\d++) "
)

CISCO_ISE = Patterns(
    "cisco-ise",
    "Cisco Identity Services Engine: authentications, accounting, administrators, with or without a syslog header",
    "https://www.cisco.com/c/en/us/td/docs/security/ise/syslog/Cisco_ISE_Syslogs/m_SyslogsList.html",
    chain=({"segments": {"pattern": _SAME_MESSAGE}}, "syslog-any", "cisco-ise"),
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
