"""The site of a process of this machine that runs handlers: it reads objects, and opens no state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slips.config import Config
from slips.config.secrets import references
from slips.loading import HandlerLoader
from slips.model import HandlerCode, ObjectEvent
from slips.ports import ObjectStore

if TYPE_CHECKING:
    from slips.backends.aws.clients import Clients
    from slips.backends.machine.directory import KnownHash
    from slips.backends.machine.stores import Stores


class WorkerSite:
    """The store and the handlers, and how the buckets of the store are listed."""

    is_atomic = False
    clock: Callable[[], float] = staticmethod(time.time)
    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def __init__(
        self,
        config: Config,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        in_s3: bool = False,
        known: KnownHash | None = None,
        hashing: Callable[[int], None] | None = None,
        broken: Mapping[str, str] | None = None,
    ) -> None:
        """Make a site that opens no port yet. `known` and `hashing`: see `DirectoryStore`; `broken`: `HandlerLoader`.

        `endpoint_url` replaces S3 and AWS's stores of secrets. `in_s3`: read all objects from S3, as the stack does,
        also those of buckets with a directory on this machine.
        """
        self.config, self._endpoint_url, self._region = config, endpoint_url, region
        self._in_s3, self._known, self._hashing, self._broken = in_s3, known, hashing, broken

    @cached_property
    def store(self) -> ObjectStore:
        if not self._in_s3:
            return self.stores
        from slips.backends.aws.s3 import S3Store

        return S3Store(self._clients.s3, self._clients.shortcut)

    @cached_property
    def stores(self) -> Stores:
        """The buckets: directories that stand for some, S3 for the others."""
        from slips.backends.machine.stores import Stores

        return Stores(self.config, self._endpoint_url, self._region, known=self._known, hashing=self._hashing)

    @cached_property
    def loader(self) -> HandlerLoader:
        requirements = self.config.handler.requirements
        return HandlerLoader(self.config, self._fill, requirements=requirements, broken=self._broken)

    @property
    def directories(self) -> Mapping[str, Path]:
        """The directories of this machine that stand for buckets, by bucket."""
        return {} if self._in_s3 else self.stores.directories.buckets

    @property
    def unlisted(self) -> Sequence[str]:
        """The paths that could not be listed so far, with reasons."""
        return [] if self._in_s3 else self.stores.directories.unlisted

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        """Yield one event for each object whose key begins with `prefix`, in key order. Raises StorageError."""
        return self.store.list(bucket, prefix)

    def beginnings(self, bucket: str) -> Sequence[str]:
        """Return how the keys of a bucket's objects begin: others in S3 are none of this site."""
        embedded = None if self._in_s3 else self.config.backend.embedded
        named = embedded.in_s3.get(bucket) if embedded else None
        return [""] if named is None else named.prefixes

    def is_unfinished(self, event: ObjectEvent) -> bool:
        """Whether a service leaves a listed object alone, since it is still being written."""
        from slips.backends.machine.directory import is_unfinished

        return event.bucket_name in self.directories and is_unfinished(event.object_key)

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        return self.loader.code_of(event)

    def _fill(self, args: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Read the secrets in `args`, if there are any. Return the function that `Fill` names. Raises UsageError."""
        if next(references(args), None) is None:
            return lambda: args
        from slips.backends.aws.secret_store import SecretArgs

        return SecretArgs(args, self._clients, max_age=self.config.handler.secrets_max_age)

    @cached_property
    def _clients(self) -> Clients:
        from slips.backends.aws.clients import Clients

        return Clients(self._region, self._endpoint_url)
