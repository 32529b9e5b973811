"""Events of HPE Aruba CX switches (AOS-CX), with or without a header of syslog."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_USER = re.compile(r"[Uu]ser '?([^ ']{1,128})'? (?:logged|login|authent|failed)")
_FROM = re.compile(r" from (\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4}:[0-9a-fA-F:]{1,40})(?![0-9a-fA-F])")
_INTERFACE = re.compile(r"(?:[Ii]nterface|[Pp]ort) (\d+/\d+/\d+|lag\d+|vlan\d+)(?![\d/])")


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the user, the address and the interface of an event, where it has them."""
    text = event["text"]
    for name, found in (("user", _USER.search(text)), ("client_ip", _FROM.search(text))):
        if found:
            event[name] = found[1]
    if interface := _INTERFACE.search(text):
        event["interface"] = interface[1]


ARUBA_CX = Patterns(
    "aruba-cx",
    "HPE Aruba CX switches (AOS-CX): events of their daemons, with or without a syslog header",
    "https://www.arubanetworks.com/techdocs/AOS-CX/10.07/PDF/5200-8214.pdf",
    chain=("s3-lines", "syslog-any", "aruba-cx"),
    tag="aruba.cx",
    message="{severity} {text}",
    patterns=(r"Event\|(?P<event_id>\d+)\|(?P<severity>[A-Z_]+)\|(?P<module>[^|]*)\|(?P<slot>[^|]*)\|(?P<text>.*)",),
    absent=("", "-"),
    integers="event_id",
    refine=_name_parts,
    entities={"addresses": "client_ip", "users": "user"},
)
