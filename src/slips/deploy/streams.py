"""The streams of the lanes: their capacity and retention, by the config, or as the stack already has them.

Pure. A key that the config does not set changes nothing of a stack that exists: a change of mode or retention has a
price, and a shorter retention would let events expire that still wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slips.backends.aws import STREAMS
from slips.config import Config
from slips.model import Lane

WEEK, DAY = 168, 24
"""Hours. On demand a week is charged by the gigabyte, which is cents; on shards it costs more an hour than the shards.
https://aws.amazon.com/kinesis/data-streams/pricing/"""


def properties(config: Config, lane: Lane, deployed: Mapping[str, Any]) -> dict[str, Any]:
    """Capacity and retention of a lane's stream. `deployed` is the template that the stack has; `{}` for a new one."""
    before = former(lane, deployed)
    shards = config.backend.stream_shards
    if shards is None:
        # AWS takes a stream that says only how many shards it has for a provisioned one.
        shards = before.get("ShardCount", 0) if before else 0
    mode: dict[str, Any] = {"StreamModeDetails": {"StreamMode": "PROVISIONED" if shards else "ON_DEMAND"}}
    return {
        **mode,
        **({"ShardCount": shards} if shards else {}),
        "RetentionPeriodHours": retention_hours(config, lane, deployed),
    }


def retention_hours(config: Config, lane: Lane, deployed: Mapping[str, Any]) -> int:
    """How long the stream that the stack makes for a lane keeps object events."""
    if (wanted := config.backend.stream_retention_hours) is not None:
        return wanted
    if (before := former(lane, deployed)) is not None:
        return int(before.get("RetentionPeriodHours", DAY))
    return DAY if config.backend.stream_shards else WEEK


def former(lane: Lane, deployed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the properties of a lane's stream in the template `deployed`; None if the stack has none."""
    stream = deployed.get("Resources", {}).get(STREAMS[lane])
    return None if stream is None else stream.get("Properties", {})
