"""Events in the notation of Splunk's HTTP Event Collector, as its ingest actions and others write them to buckets."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment


def _show_event(meta: MetaData, event: Event) -> None:
    """Show the event itself, if it is a text."""
    if isinstance(event["event"], str):
        meta.message = " ".join(event["event"].split())


# What the event is, `sourcetype` tells; its own time may be another than `time`.
SPLUNK_HEC = Json(
    "splunk-hec",
    "events in the notation of Splunk's HTTP Event Collector (HEC), as its ingest actions write them to S3",
    "https://help.splunk.com/splunk-enterprise/get-data-in/collect-http-event-data/"
    "format-events-for-http-event-collector",
    require=all_of("event", any_of("sourcetype", "source", "index", "time")),
    time=moment("time"),
    tag="splunk.hec.{sourcetype|'event'}",
    message="{event.message|event.msg|event.log|event.name|sourcetype|source|'event'}",
    floats="time",  # of which senders make a number or a text
    carries="event",
    refine=_show_event,
    entities={"hosts": "host"},
)
