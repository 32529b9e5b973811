"""Audit logs of PingFederate: what its users and applications did, and what its administrators did."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso
from slips.parsing.conversions import integer_or_text

_REFERENCE = (
    "https://docs.pingidentity.com/pingfederate/latest/administrators_reference_guide/pf_security_audit_loggin.html"
)
_TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ][^ |]++) *+"
_IP = r"\| *+(?P<ip>[0-9A-Fa-f.:\[\]]*+) *+"
_EVENT = r"\| *+(?P<event>[A-Za-z_]++) *+"


def _fields(names: str) -> str:
    return "".join(rf"\| *+(?P<{name}>[^|]*+)" for name in names.split())


def _strip(meta: MetaData, event: Event) -> None:
    """Cut the blanks off that stand before bars. Fields that an installation adds are a list."""
    for name, value in event.items():
        if value.__class__ is str:
            event[name] = value.strip() or None
    if more := event.pop("additional_fields", None):
        event["additional_fields"] = [each.strip() for each in more[1:].split("|")]
    if (took := event.get("responsetime")) is not None:
        event["responsetime"] = integer_or_text(took)
    meta.tag = f"ping.federate.{event['event'] or 'event'}"
    meta.message = (
        f"{event['event'] or '-'} {event.get('status') or event.get('component') or '-'} "
        f"by {event.get('subject') or event.get('user') or '-'} from {event['ip'] or '-'} "
        f"to {event.get('connectionid') or event.get('description') or '-'}"
    )


_PARTNER = _fields("app connectionid protocol host role status adapterid description responsetime")
_MORE = r"(?P<additional_fields>\|.*)?"

# The address tells lines with a transaction's number from those of older versions.
PINGFEDERATE = Patterns(
    "pingfederate",
    "PingFederate: security audit log and administrators' audit log, with bars between their fields",
    _REFERENCE,
    time=iso("time"),
    tag="ping.federate.{event}",
    patterns=(
        rf"{_TIME}{_fields('trackingid transactionid')}{_EVENT}{_fields('subject')}{_IP}{_PARTNER}{_MORE}",
        rf"{_TIME}{_fields('trackingid')}{_EVENT}{_fields('subject')}{_IP}{_PARTNER}{_MORE}",
        rf"{_TIME}{_fields('user roles')}{_IP}{_fields('component event eventdetailid')}\| *+(?P<description>.*)",
    ),
    refine=_strip,
    entities={"addresses": "ip", "users": "subject user", "hosts": "host"},
)
