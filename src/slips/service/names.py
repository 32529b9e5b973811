"""Finds the names in the config of objects that queues and notifications name by their buckets in S3."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from slips.config.buckets import S3Bucket
from slips.model import ObjectEvent


class Names:
    """The buckets of one queue or one listener, by their names in the config."""

    def __init__(self, buckets: Mapping[str, S3Bucket]) -> None:
        self._buckets = buckets

    def of(self, event: ObjectEvent) -> list[ObjectEvent] | None:
        """Return the event under each name of its object; none if no prefix has it. None: no such bucket is known."""
        named = {name: bucket for name, bucket in self._buckets.items() if bucket.s3 == event.bucket_name}
        if not named:
            return None
        return [
            msgspec.structs.replace(event, bucket_name=name)
            for name, bucket in named.items()
            if bucket.has(event.object_key)
        ]

    @property
    def shown(self) -> str:
        """The buckets in S3, for people."""
        return ", ".join(dict.fromkeys(repr(bucket.s3) for bucket in self._buckets.values()))
