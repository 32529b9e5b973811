"""Checks attributes of queues that are sources: those that Lambda refuses, and those that may lose messages. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from slips.backends.aws.queue import RECEIVES
from slips.printable import plural

PUSHER_SECONDS = 30
"""EventPusher's time limit. Lambda refuses a queue with a shorter visibility timeout; the default of queues is 30 s."""
_VISIBLE_SECONDS = 6 * PUSHER_SECONDS
"""Visibility timeout that AWS recommends: while EventPusher is throttled, Lambda tries again within this time."""
_DAY = 24 * 3600
_HOUR = 3600


def problem(url: str, attributes: Mapping[str, str]) -> str:
    """Return the reason why the queue cannot be a source; empty if it can."""
    visible = int(attributes["VisibilityTimeout"])
    if visible >= PUSHER_SECONDS:
        return ""
    return (
        f"has a visibility timeout of {visible} s; expected {PUSHER_SECONDS} s at least, as Lambda demands, better "
        f"{_VISIBLE_SECONDS} s; {_set(url, VisibilityTimeout=_VISIBLE_SECONDS)}"
    )


def notes(url: str, attributes: Mapping[str, str]) -> Iterator[str]:
    """Yield notes for people about a queue that can be a source."""
    visible, kept = int(attributes["VisibilityTimeout"]), int(attributes["MessageRetentionPeriod"])
    if visible < _VISIBLE_SECONDS:
        yield (
            f"has a visibility timeout of {visible} s: while EventPusher is throttled, messages come twice; expected "
            f"{_VISIBLE_SECONDS} s at least; {_set(url, VisibilityTimeout=_VISIBLE_SECONDS)}"
        )
    if kept < _DAY:
        span = f"{kept / 3600:.3g} h" if kept >= _HOUR else f"{kept / 60:.3g} min"
        yield (
            f"keeps messages for {span}: those that wait longer for EventPusher are lost; expected days; "
            f"{_set(url, MessageRetentionPeriod=14 * _DAY)}"
        )
    receives = _most_receives(attributes.get("RedrivePolicy", ""))
    if receives is None:
        yield (
            "has no redrive policy: the stack's queue Undelivered takes messages that cannot be read or put on a lane; "
            "expected a policy if they shall go to a queue of yours; add one then, else 'slips status' counts them"
        )
    elif receives < RECEIVES:
        yield (
            f"gives a message up after {plural(receives, 'receive')}, and those while EventPusher is "
            f"throttled count; expected {RECEIVES} at least; raise 'maxReceiveCount' in its redrive policy"
        )


def _most_receives(policy: str) -> int | None:
    """Return `maxReceiveCount` of a redrive policy, which is a number or a text; None without a policy."""
    return int(json.loads(policy)["maxReceiveCount"]) if policy else None


def _set(url: str, **attributes: int) -> str:
    pairs = ",".join(f"{name}={value}" for name, value in attributes.items())
    return f"'aws sqs set-queue-attributes --queue-url {url} --attributes {pairs}'"
