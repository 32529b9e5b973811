"""Finds what was processed a moment ago in the log lines of MainFunc, one for each object: the ledger has no order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from slips.backends.aws.log_lines import parsed
from slips.backends.aws.logs import logs
from slips.backends.aws.stack import DeployedStack
from slips.model import ObjectEvent, format_time
from slips.operations import Passed, PassedSample, Wants

LATE = 10.0
"""Seconds by which CloudWatch may show a line late: what is younger belongs to the next sample."""
_FINAL = "failed: "
"""Beginning of the message about the last attempt; others name a further one."""


def passed(stack: DeployedStack, since: float, most: int, wants: Wants) -> PassedSample:
    """Return a sample of the objects that MainFunc's log names between `since` and LATE seconds ago."""
    until = max(since, stack.clock() - LATE)
    sample: list[Passed] = []
    total = 0
    for each in _named(stack, since, until):
        if not wants(each.event.bucket_name, each.event.object_key):
            continue
        # A reservoir: of a flood of lines only so many are kept.
        total += 1
        if len(sample) < most:
            sample.append(each)
        elif (place := random.randrange(total)) < most:  # noqa: S311 - no secret
            sample[place] = each
    return PassedSample(sample, total, until)


def _named(stack: DeployedStack, since: float, until: float) -> Iterator[Passed]:
    # CloudWatch has whole milliseconds, and takes a beginning and no end.
    for line in logs(stack, ["MainFunc"], since, "s3://"):
        if line.time >= until:
            return
        value = parsed(line.message)
        if line.time >= since and isinstance(value, dict) and value.get("logger") == "slips":
            found = passed_of(value, line.time)
            if found is not None:
                yield found


def passed_of(value: dict[str, Any], at: float) -> Passed | None:
    """Return the object that a log line is about, if the line is about the end of its run; else None."""
    bucket, _, key = str(value.get("object", "")).removeprefix("s3://").partition("/")
    message = str(value.get("message", ""))
    has_failed = message.startswith(_FINAL)
    if not key or not (has_failed or message in ("done", "filtered, as it is no log")):
        return None
    etag, identity = str(value.get("etag", "")), value.get("identity")
    version = str(identity) if identity else None
    event = ObjectEvent(
        event_time=format_time(at),  # for events without a time of their own
        bucket_name=bucket,
        object_key=key,
        object_etag=etag,
        object_version_id=version,
    )
    count = value.get("events")
    return Passed(event, at, has_failed, message.removeprefix(_FINAL), count if isinstance(count, int) else 0)
