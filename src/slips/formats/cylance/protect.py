"""CylancePROTECT events and threats: JSON objects with the time in `datetime`. A time without a zone is UTC."""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData

_REFERENCE = "https://docs.blackberry.com/en/unified-endpoint-security/blackberry-ues/Cylance-API-user-guide"


@parser(
    "cylance",
    summary="CylancePROTECT events, the same as cylance-event",
    reference=_REFERENCE,
    tag="cylance.event",
)
def cylance(meta: MetaData, event: Event) -> Event:
    """Set time and tag; leave the event unchanged. Raises RecordError for a malformed `datetime`."""
    return _label(meta, event, "cylance.event")


@parser("cylance-event", summary="CylancePROTECT events", reference=_REFERENCE, tag="cylance.event")
def cylance_event(meta: MetaData, event: Event) -> Event:
    """Set time and tag; leave the event unchanged. Raises RecordError for a malformed `datetime`."""
    return _label(meta, event, "cylance.event")


@parser("cylance-threat", summary="CylancePROTECT threats", reference=_REFERENCE, tag="cylance.threat")
def cylance_threat(meta: MetaData, event: Event) -> Event:
    """Set time and tag; leave the event unchanged. Raises RecordError for a malformed `datetime`."""
    return _label(meta, event, "cylance.threat")


def _label(meta: MetaData, event: Event, tag: str) -> Event:
    time = event.get("datetime")
    if time is not None and time != "":
        meta.timestamp = times.iso(time, "datetime")
    meta.tag = tag
    return event
