"""Amazon GuardDuty: findings."""

from __future__ import annotations

from slips import times
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "guardduty",
    summary="findings of Amazon GuardDuty, as it exports them to S3",
    reference="https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-format.html",
    tag="aws.guardduty",
)
def guardduty(meta: MetaData, event: Event) -> Event:
    """Set the time to `updatedAt`: GuardDuty exports a finding again after each update."""
    meta.tag = "aws.guardduty"
    updated = event.get("updatedAt")
    if updated is not None and updated != "":
        meta.timestamp = times.iso(updated, "updatedAt")
    return event
