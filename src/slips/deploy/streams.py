"""The capacity and retention of the lanes' streams, by the config or by the deployed stack. Pure.

A key that the config does not set keeps its value in a deployed stack: a change of mode or retention has a price, and a
shorter retention would let waiting events expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slips.backends.aws import STREAMS
from slips.config import Config
from slips.model import Lane

WEEK, DAY = 168, 24
"""Hours of retention. On demand, AWS charges a week by the gigabyte, which is cents; on shards, a week costs more than
the shards themselves.
https://aws.amazon.com/kinesis/data-streams/pricing/"""


def properties(config: Config, lane: Lane, deployed: Mapping[str, Any]) -> dict[str, Any]:
    """Return capacity and retention of a lane's stream. `deployed` is the stack's template; `{}` for a new stack."""
    before = former(lane, deployed)
    shards = config.backend.stream_shards
    if shards is None:
        # A former template with a number of shards but no mode means a provisioned stream to AWS.
        shards = before.get("ShardCount", 0) if before else 0
    mode: dict[str, Any] = {"StreamModeDetails": {"StreamMode": "PROVISIONED" if shards else "ON_DEMAND"}}
    return {
        **mode,
        **({"ShardCount": shards} if shards else {}),
        "RetentionPeriodHours": retention_hours(config, lane, deployed),
    }


def retention_hours(config: Config, lane: Lane, deployed: Mapping[str, Any]) -> int:
    """Return the hours for which the stack's own stream of a lane keeps object events."""
    if (wanted := config.backend.stream_retention_hours) is not None:
        return wanted
    if (before := former(lane, deployed)) is not None:
        return int(before.get("RetentionPeriodHours", DAY))
    return DAY if config.backend.stream_shards else WEEK


def former(lane: Lane, deployed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the properties of a lane's stream in the template `deployed`; None if the stack has none."""
    stream = deployed.get("Resources", {}).get(STREAMS[lane])
    return None if stream is None else stream.get("Properties", {})
