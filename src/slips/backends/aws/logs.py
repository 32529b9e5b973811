"""Reads the logs of a stack's functions from CloudWatch Logs, merged by time, once or as they come."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from slips.backends.aws.answers import code
from slips.backends.aws.refusals import calls
from slips.backends.aws.stack import DeployedStack
from slips.operations import LogLine

POLL = 2.0
"""Seconds between two calls of CloudWatch."""
LATE = 30.0
"""Seconds by which CloudWatch may show a line later than its time: so far back each call begins."""


def logs(
    stack: DeployedStack, functions: Sequence[str], since: float, containing: str | None = None
) -> Iterator[LogLine]:
    """Yield the lines of functions (logical names) since a time (epoch seconds), merged by time."""
    each = (_log(stack, function, since, containing) for function in functions)
    return heapq.merge(*each, key=lambda line: line.time)


def following(
    read: Callable[[float], Iterable[LogLine]],
    since: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine]:
    """Yield the lines since a time, each once, without end; `read` yields the lines since a time.

    Each call of `read` begins before the latest line: lines come late, and not in order.
    """
    seen: dict[str, float] = {}
    latest = since
    while True:
        for line in read(max(since, latest - LATE)):
            if line.id not in seen:
                seen[line.id] = line.time
                yield line
        latest = max([latest, *seen.values()])
        seen = {id_: when for id_, when in seen.items() if when >= latest - LATE}
        sleep(POLL)


def _log(stack: DeployedStack, function: str, since: float, containing: str | None) -> Iterator[LogLine]:
    group = stack.made.get(f"{function}Logs") or f"/aws/lambda/{stack.function(function)}"
    request: dict[str, Any] = {"logGroupName": group, "startTime": int(since * 1000)}
    if containing:
        text = containing.replace("\\", "\\\\").replace('"', '\\"')
        request["filterPattern"] = f'"{text}"'
    pages = iter(stack.clients.logs.get_paginator("filter_log_events").paginate(**request))
    while True:
        with calls(group, passing={"ResourceNotFoundException"}):
            try:
                page = next(pages, None)
            except ClientError as error:
                if code(error) != "ResourceNotFoundException":
                    raise
                return  # in a stack of the original slips, Lambda makes the log group for a function's first line
        if page is None:
            return
        for each in page["events"]:
            yield LogLine(each["eventId"], each["timestamp"] / 1000, function, each["message"].rstrip("\n"))
