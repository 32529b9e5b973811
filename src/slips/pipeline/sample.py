"""Picks the newest real objects of each mapping, as object events to run a handler on."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

import msgspec
from msgspec import Struct

from slips.config import Config, Mapping
from slips.errors import StorageError
from slips.model import Lane, ObjectEvent
from slips.ports import ObjectStore
from slips.routing import assigned, lane_for

LISTED = 100_000
"""Objects under a prefix among which the newest are looked for: a prefix of S3 may have billions."""


class Sampled(Struct):
    """The objects that were picked for one mapping."""

    url: str
    """`s3://bucket/prefix` of the mapping, or its pattern behind the bucket."""
    events: list[ObjectEvent]
    """Newest first; none if the prefix has no object that this mapping processes."""
    problem: StorageError | None = None
    """Why the prefix could not be listed."""


def sample(config: Config, store: ObjectStore, number: int, streams: dict[Lane, str]) -> Iterator[Sampled]:
    """Pick for each mapping the newest `number` objects that it processes and that are not empty.

    `dest_stream` of each event is its lane's name in `streams`, or empty.
    """
    for bucket, mappings in config.bucket_mapping.items():
        for mapping in mappings:
            sampled = Sampled(f"s3://{bucket}/{mapping.written}", [])
            objects = _objects(config, store, bucket, mapping, streams)
            try:
                sampled.events = heapq.nlargest(number, objects, lambda each: each.timestamp)
            except StorageError as error:
                sampled.problem = error
            yield sampled


def _objects(
    config: Config, store: ObjectStore, bucket: str, mapping: Mapping, streams: dict[Lane, str]
) -> Iterator[ObjectEvent]:
    """Yield the objects that this very mapping processes and that are not empty, each with its lane."""
    for event in islice(store.list(bucket, mapping.beginning), LISTED):
        mine = assigned(config.bucket_mapping, event) is mapping
        lane = lane_for(config.routing, event)
        if mine and event.object_size and lane != "drop":
            yield msgspec.structs.replace(event, lane=lane, dest_stream=streams.get(lane, ""))
