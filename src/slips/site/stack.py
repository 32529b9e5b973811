"""The site of a stack for operators: its ports, and its objects in S3. Handlers run on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from slips.config import Config
from slips.model import Lane
from slips.ports import ErrorTable, Ledger, Stream, Undelivered
from slips.site.worker import WorkerSite

if TYPE_CHECKING:
    from slips.backends.aws.stack import DeployedStack
    from slips.envelope.lost import Batch


class StackSite(WorkerSite):
    """The ports of a stack that was found."""

    def __init__(
        self, config: Config, stack: DeployedStack, *, endpoint_url: str | None = None, region: str | None = None
    ) -> None:
        super().__init__(config, endpoint_url=endpoint_url, region=region, in_s3=True)
        self._stack = stack

    @property
    def stream(self) -> Stream:
        return self._stack.stream

    @property
    def streams(self) -> Mapping[Lane, str]:
        return self._stack.streams

    @property
    def errors(self) -> ErrorTable:
        return self._stack.errors

    @property
    def ledger(self) -> Ledger:
        return self._stack.ledger

    @property
    def undelivered(self) -> Undelivered | None:
        return self._stack.undelivered

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        return self._stack.read_back(batch)

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()
