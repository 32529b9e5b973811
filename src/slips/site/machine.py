"""The site of this machine: its state, and directories as buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from slips.config import Config
from slips.model import Lane, ObjectEvent
from slips.ports import Stream
from slips.site.worker import WorkerSite

if TYPE_CHECKING:
    from slips.backends.machine.state import MachineState
    from slips.envelope.lost import Batch


class MachineSite(WorkerSite):
    """The ports of a state, which the caller opens and closes."""

    is_atomic = True
    undelivered = None

    def __init__(
        self, config: Config, state: MachineState, *, endpoint_url: str | None = None, region: str | None = None
    ) -> None:
        files = state.files
        super().__init__(
            config,
            endpoint_url=endpoint_url,
            region=region,
            known=lambda event, stamp: files.hash_of(event.bucket_name, event.object_key, stamp),
        )
        self.state, self.clock = state, state.clock
        self.stream: Stream = state.stream
        self.errors, self.ledger = state.errors, state.ledger

    @cached_property
    def streams(self) -> Mapping[Lane, str]:
        from slips.backends.machine.lanes import stream_names

        return stream_names(self.config)

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        """Yield the objects without the files of a state directory that is in the bucket's directory."""
        state, directory = self.state.directory.resolve(), self.directories.get(bucket)
        if directory is None or not state.is_relative_to(directory):
            return self.store.list(bucket, prefix)
        own = f"{state.relative_to(directory).as_posix()}/"
        return (event for event in self.store.list(bucket, prefix) if not event.object_key.startswith(own))

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        return ()

    def transaction(self) -> AbstractContextManager[None]:
        return self.state.transaction()
