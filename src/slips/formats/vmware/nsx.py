"""Logs of VMware NSX: of its managers and edges, with what users did, and the packets that its firewalls looked at."""

from __future__ import annotations

import re

from slips.format import Event
from slips.formats.vmware.structured import ELEMENT, add_pairs, head_of
from slips.model import MetaData
from slips.parsing import Patterns, iso
from slips.parsing.conversions import boolean_or_text, convert_fields

_PACKET = re.compile(
    r"INET6? (?P<reason>[a-z-]{1,40}) (?P<action>[A-Z]{1,20}) (?P<rule_id>\d{1,10}) (?P<direction>IN|OUT) "
    r"(?P<length>\d{1,6}) (?:PROTO )?(?P<protocol>[A-Za-z0-9-]{1,20}) "
    r"(?P<src_ip>[0-9A-Fa-f.:]{2,45})(?:/(?P<src_port>\d{1,5}))?->"
    r"(?P<dst_ip>[0-9A-Fa-f.:]{2,45})(?:/(?P<dst_port>\d{1,5}))?"
)
_NUMBERS = ("rule_id", "length", "src_port", "dst_port")
_ACT = re.compile(r'(?:^|, )(UserName|Src|ModuleName|Operation|Operation status)="([^"]*)"')
_FLAGS = frozenset(("audit", "security"))
_LENGTH = 2_048
"""Characters of a message in which its parts are looked for."""


def _take_parts(_meta: MetaData, event: Event) -> None:
    """Add the structured data, and the parts of a message about a packet or about what a user did."""
    add_pairs(event)
    convert_fields(event, _FLAGS, boolean_or_text())
    text = event["message"][:_LENGTH]
    if found := _PACKET.search(text):
        fields = {name: value for name, value in found.groupdict().items() if value is not None}
        event |= fields | {name: int(fields[name]) for name in _NUMBERS if name in fields}
    elif text.startswith("UserName="):
        event |= {name.replace(" ", "_"): value or None for name, value in _ACT.findall(text)}


VMWARE_NSX = Patterns(
    "vmware-nsx",
    "VMware NSX: managers, edges and controllers, their audit logs, and packets of the firewall",
    "https://developer.broadcom.com/xapis/nsx-t-data-center-rest-api/latest/types_StructuredData.html",
    time=iso("time"),
    tag="vmware.nsx",
    message="{message|program}",
    patterns=(rf"{head_of('NSX')}\[nsx@6876(?P<data>{ELEMENT})\] ?(?P<message>.*)",),
    absent="-",
    integers="priority pid",
    refine=_take_parts,
    entities={
        "addresses": "src_ip dst_ip Src",
        "users": "username UserName",
        "hosts": "hostname",
    },
)
