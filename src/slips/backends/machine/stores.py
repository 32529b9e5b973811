"""The buckets of one machine: directories, buckets in S3 that the config names, and S3 for all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from slips.backends.machine.directory import DirectoryStore, KnownHash
from slips.config import Config
from slips.config.buckets import S3Bucket
from slips.model import ObjectEvent
from slips.ports import ObjectStore, StoredObject

if TYPE_CHECKING:
    from slips.backends.aws.s3 import S3Store

_ANY = S3Bucket(s3="")
"""The settings of a bucket that the config does not name."""


class Stores:
    """An ObjectStore that reads each bucket from its directory if the config names one, else from S3.

    An event has the name that the config gives to a bucket, also if the bucket in S3 has another one.
    """

    def __init__(
        self,
        config: Config,
        endpoint_url: str | None = None,
        region: str | None = None,
        *,
        known: KnownHash | None = None,
        hashing: Callable[[int], None] | None = None,
    ) -> None:
        """`endpoint_url` and `region` are for buckets to which the config gives none."""
        embedded = config.backend.embedded
        buckets = {name: config.resolve(path) for name, path in (embedded.directories if embedded else {}).items()}
        self.directories = DirectoryStore(buckets, known, hashing or _no_progress)
        self._named = embedded.in_s3 if embedded else {}
        self._endpoint_url, self._region = endpoint_url, region
        self._in_s3: dict[tuple[object, ...], S3Store] = {}

    def open(self, event: ObjectEvent) -> AbstractContextManager[StoredObject]:
        return self._of(event.bucket_name).open(event)

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        in_s3 = [event for event in events if event.bucket_name not in self.directories.buckets]
        expected: dict[S3Store, list[ObjectEvent]] = {store: [] for store in self._in_s3.values()}
        for event in in_s3:
            expected.setdefault(self.s3(event.bucket_name), []).append(event)
        for store, of_store in expected.items():
            store.expect(of_store)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return self._of(bucket).list(bucket, prefix)

    def _of(self, bucket: str) -> ObjectStore:
        return self.directories if bucket in self.directories.buckets else self.s3(bucket)

    def s3(self, bucket: str) -> S3Store:
        """Return the store of a bucket that is in S3. Buckets of one server and one user share it."""
        place = self._named.get(bucket, _ANY)
        key = (place.endpoint_url, place.region, place.profile, place.path_style)
        if key not in self._in_s3:
            from slips.backends.aws.clients import Clients
            from slips.backends.aws.s3 import S3Store

            clients = Clients(
                place.region or self._region,
                place.endpoint_url or self._endpoint_url,
                profile=place.profile,
                path_style=place.path_style,
            )
            names = {name: each.s3 for name, each in self._named.items() if name != each.s3}
            self._in_s3[key] = S3Store(clients.s3, clients.shortcut, names)
        return self._in_s3[key]


def _no_progress(_done: int) -> None:
    return None
