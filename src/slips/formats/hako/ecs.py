"""Logs of Amazon ECS tasks that Hako deployed: JSON objects with the time in `time`."""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "ecs-hako",
    summary="logs of Amazon ECS tasks deployed with Hako",
    reference="https://github.com/eagletmt/hako",
    tag="ecs.hako",
)
def ecs_hako(meta: MetaData, event: Event) -> Event:
    """Set time and tag; leave the event unchanged. Raises RecordError for a malformed `time`."""
    meta.tag = "ecs.hako"
    time = event.get("time")
    if time is not None and time != "":
        meta.timestamp = times.iso(time)
    return event
