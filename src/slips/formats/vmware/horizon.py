"""Events of VMware Horizon, today Omnissa's, as its Connection Servers send them to a syslog server or write them."""

from __future__ import annotations

from slips.format import Event
from slips.formats.vmware.structured import ELEMENT, add_pairs, head_of
from slips.model import MetaData
from slips.parsing import Patterns, iso


def _take_parts(meta: MetaData, event: Event) -> None:
    """Add the structured data. A line without a text has the kind of its event as the message."""
    add_pairs(event)
    kind = event.get("EventType")
    meta.message = (
        event["message"] or f"{kind or 'event'} {event.get('UserDisplayName') or event.get('UserSID') or '-'}"
    )


VMWARE_HORIZON = Patterns(
    "vmware-horizon",
    "VMware (Omnissa) Horizon: events of Connection Servers, agents and administrators, by syslog",
    "https://docs.vmware.com/en/VMware-Horizon/2012/horizon-console-administration/GUID-2E8E6344-7EB8-44D2-B58A-4B7545000716.html",
    time=iso("time"),
    tag="vmware.horizon",
    patterns=(rf"{head_of('View')}\[View@6876(?P<data>{ELEMENT})\] ?(?P<message>.*)",),
    absent="-",
    integers="priority pid",
    refine=_take_parts,
    entities={"users": "UserDisplayName", "hosts": "hostname MachineName"},
)
