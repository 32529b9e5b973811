"""The site of a stack's function: environment variables name the resources, the package has config and handlers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slips.brakes import Budget, budget_in
from slips.config import Config, read_packaged
from slips.config.secrets import references
from slips.known import KnownObjects
from slips.loading import HandlerLoader
from slips.model import LANES, HandlerCode, Lane, ObjectEvent
from slips.ports import Invoker

if TYPE_CHECKING:
    from slips.backends.aws.brakes import DynamoBrakes
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.error_table import DynamoErrors
    from slips.backends.aws.kinesis import KinesisStream
    from slips.backends.aws.ledger import DynamoLedger
    from slips.backends.aws.queue import UndeliveredQueue
    from slips.backends.aws.s3 import S3Store
    from slips.envelope.lost import Batch

BATCH_SIZE = 10_000
"""Objects in one invocation of MainFunc, if Dispatcher's environment has no number: its whole batch."""

ON_A_LANE_SECONDS = 6 * 3600.0
"""Age up to which the daily audit of a stack takes an unknown object for one that is on its way: Lambda keeps an event
so long for MainFunc, and an alarm tells of lanes that are as late. The audit of the next day sees the object."""


class LambdaSite:
    """The ports of a function, each made when it is first used."""

    is_atomic = False
    clock: Callable[[], float] = staticmethod(time.time)
    sleep: Callable[[float], None] = staticmethod(time.sleep)
    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    """The clock for the age of secrets."""
    exit: Callable[[int], None] = staticmethod(os._exit)
    """Ends this process, with a status."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.seconds_left: Callable[[], float] = lambda: 0.0
        """Returns the seconds that the current invocation has left."""
        self._spare_seconds = 0.0

    def begin(self, seconds_left: Callable[[], float], spare_seconds: float) -> None:
        """Set the time limit of an invocation; `read_back` keeps `spare_seconds` of it when it waits for a shard."""
        self.seconds_left, self._spare_seconds = seconds_left, spare_seconds

    @cached_property
    def stack(self) -> str:
        """Name of the stack."""
        return self._environment.get("SLIPS_STACK", "")

    @cached_property
    def config(self) -> Config:
        return read_packaged(Path(self._environment["LAMBDA_TASK_ROOT"]))

    @cached_property
    def loader(self) -> HandlerLoader:
        self._environment = dict(self._environment)  # from now on code of the user runs, which may change it
        return HandlerLoader(self.config, self._fill)

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        return self.loader.code_of(event)

    @cached_property
    def clients(self) -> Clients:
        from slips.backends.aws.clients import Clients

        return Clients()

    @cached_property
    def store(self) -> S3Store:
        from slips.backends.aws.s3 import S3Store

        return S3Store(self.clients.s3, self.clients.shortcut)

    @cached_property
    def stream(self) -> KinesisStream:
        from slips.backends.aws.kinesis import KinesisStream

        arns: dict[Lane, str] = {
            "fast": self._environment["SLIPS_FAST_STREAM_ARN"],
            "slow": self._environment["SLIPS_SLOW_STREAM_ARN"],
        }
        return KinesisStream(self.clients.kinesis, arns)

    @property
    def streams(self) -> Mapping[Lane, str]:
        return self.stream.names

    @cached_property
    def errors(self) -> DynamoErrors:
        from slips.backends.aws.error_table import DynamoErrors

        return DynamoErrors(self.clients.dynamodb, self._environment["SLIPS_ERROR_TABLE"])

    @cached_property
    def ledger(self) -> DynamoLedger:
        from slips.backends.aws.ledger import DynamoLedger

        days = self.config.backend.ledger_days
        return DynamoLedger(self.clients.dynamodb, self._environment.get("SLIPS_LEDGER_TABLE", ""), days=days)

    @property
    def has_brakes(self) -> bool:
        """Whether the function's environment names the table of the brakes: not that of a version before."""
        return bool(self._environment.get("SLIPS_LEDGER_TABLE"))

    @cached_property
    def brakes(self) -> DynamoBrakes:
        from slips.backends.aws.brakes import DynamoBrakes

        return DynamoBrakes(self.clients.dynamodb, self._environment["SLIPS_LEDGER_TABLE"])

    @property
    def budget(self) -> Budget:
        """The budget of a day, by the config: from the environment, so that Dispatcher reads no config."""
        return budget_in(self._environment)

    @property
    def undelivered(self) -> UndeliveredQueue | None:
        from slips.backends.aws.queue import UndeliveredQueue

        url = self._environment.get("SLIPS_UNDELIVERED_URL")
        return None if url is None else UndeliveredQueue(self.clients.sqs, url)

    @cached_property
    def invoker(self) -> Invoker:
        from slips.backends.aws.functions import LambdaInvoker

        return LambdaInvoker(self.clients.functions, self._environment["SLIPS_MAIN_FUNC"])

    # -- what only the audit uses

    directories: Mapping[str, Path] = {}
    unlisted: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Name of the stack."""
        return self.stack

    def listed(self, bucket: str, prefix: str, after: str = "") -> Iterator[ObjectEvent]:
        """Yield the objects below `prefix`, those behind the key `after`. Raises StorageError."""
        return self.store.list(bucket, prefix, after=after)

    def beginnings(self, bucket: str) -> Sequence[str]:
        return [""]

    def is_unfinished(self, event: ObjectEvent) -> bool:
        return False

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects:
        """Return listed objects with their state. Unknown ones may be on a lane for ON_A_LANE_SECONDS."""
        from slips.backends.aws.known import DynamoKnown

        lags = dict.fromkeys(LANES, ON_A_LANE_SECONDS)
        return DynamoKnown(listed, lambda: lags, self.ledger.stored_entries, self.errors.scan, progress)

    @property
    def batch_size(self) -> int:
        """Most object events that Dispatcher gives to one invocation of MainFunc."""
        return int(self._environment.get("SLIPS_BATCH_SIZE") or BATCH_SIZE)

    @property
    def delay(self) -> float:
        """Seconds that Dispatcher waits before each such invocation."""
        return float(self._environment.get("SLIPS_DELAY") or 0)

    def _fill(self, args: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Read the secrets in `args`, if there are any. Return the function that `Fill` names. Raises UsageError."""
        if next(references(args), None) is None:
            return lambda: args
        from slips.backends.aws.secret_store import FIRST_SECONDS, SecretArgs
        from slips.backends.aws.throttles import seconds_from_now

        return SecretArgs(
            args,
            self.clients,
            max_age=self.config.handler.secrets_max_age,
            # If AWS throttles for longer, the invocation fails, and AWS repeats it after a minute.
            left=seconds_from_now(min(FIRST_SECONDS, self.seconds_left() / 2), self.monotonic),
            clock=self.monotonic,
            sleep=self.sleep,
        )

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        from slips.backends.aws.kinesis import read_back
        from slips.backends.aws.throttles import Backoff

        backoff = Backoff(lambda: self.seconds_left() - self._spare_seconds, self.sleep)
        return read_back(self.clients.kinesis, batch, backoff)

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()
