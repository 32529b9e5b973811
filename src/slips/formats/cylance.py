"""CylancePROTECT events and threats, as JSON objects with the time in `datetime`."""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData

_REFERENCE = "https://docs.blackberry.com/en/unified-endpoint-security/blackberry-ues/Cylance-API-user-guide"


def _event(meta: MetaData, event: Event) -> Event:
    """The event unchanged. Raises RecordError for a malformed `datetime`; without a zone it is UTC."""
    meta.tag = "cylance.event"
    _take_time(meta, event)
    return event


def _threat(meta: MetaData, event: Event) -> Event:
    """As `_event`, with the tag of threats."""
    meta.tag = "cylance.threat"
    _take_time(meta, event)
    return event


def _take_time(meta: MetaData, event: Event) -> None:
    time = event.get("datetime")
    if time is not None and time != "":
        meta.timestamp = times.iso(time, "datetime")


# The original has two names for the one format.
cylance = parser(
    "cylance", summary="CylancePROTECT events, the same as cylance-event", reference=_REFERENCE, tag="cylance.event"
)(_event)
cylance_event = parser(
    "cylance-event", summary="CylancePROTECT events", reference=_REFERENCE, tag="cylance.event"
)(_event)
cylance_threat = parser(
    "cylance-threat", summary="CylancePROTECT threats", reference=_REFERENCE, tag="cylance.threat"
)(_threat)
