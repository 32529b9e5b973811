"""Sites: a config with its ports filled, on AWS or on this machine.

Stations are functions of a site, and import no backend. A port is made, and its backend imported, when a station first
uses it: a function on AWS must not pay for a client that it does not need, and a stack of the original slips has no
ledger. Only `place`, which picks the site of an operator's command, also knows which backend a site has.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from slips.brakes import Budget, budget_in
from slips.config import Config, HandlerSpec, read_packaged
from slips.config.secrets import references
from slips.interface import Handler
from slips.known import KnownObjects
from slips.loading import HandlerLoader
from slips.model import LANES, HandlerCode, Lane, ObjectEvent
from slips.ports import ErrorTable, Invoker, Ledger, ObjectStore, SharedLedger, Stream, Undelivered

if TYPE_CHECKING:
    from slips.backends.aws.brakes import DynamoBrakes
    from slips.backends.aws.clients import Clients
    from slips.backends.aws.error_table import DynamoErrors
    from slips.backends.aws.kinesis import KinesisStream
    from slips.backends.aws.ledger import DynamoLedger
    from slips.backends.aws.queue import UndeliveredQueue
    from slips.backends.aws.s3 import S3Store
    from slips.backends.aws.stack import DeployedStack
    from slips.backends.machine.directory import KnownHash
    from slips.backends.machine.state import MachineState
    from slips.backends.machine.stores import Stores
    from slips.envelope.lost import Batch

BATCH_SIZE = 10_000
"""Objects in one invocation of MainFunc, if Dispatcher's environment has no number: its whole batch."""

ON_A_LANE_SECONDS = 6 * 3600.0
"""Age up to which the daily audit of a stack takes an unknown object for one that is on its way: Lambda keeps an event
so long for MainFunc, and an alarm tells of lanes that are as late. The audit of the next day sees the object."""


class Loader(Protocol):
    """Loads the user's handlers (see `HandlerLoader`)."""

    def handlers_of(self, spec: HandlerSpec) -> Sequence[type[Handler]]:
        """Return the handlers, ready to run. Raises UsageError if they cannot be used."""
        ...

    def args_of(self, spec: HandlerSpec) -> dict[str, Any]:
        """Return the args for the next object, with secrets in place of their placeholders. Raises UsageError."""
        ...


class HandlerSite(Protocol):
    """The ports for running handlers on an object."""

    @property
    def config(self) -> Config: ...

    @property
    def store(self) -> ObjectStore: ...

    @property
    def loader(self) -> Loader: ...


class Site(HandlerSite, Protocol):
    """The ports for all stations."""

    @property
    def stream(self) -> Stream: ...

    @property
    def streams(self) -> Mapping[Lane, str]:
        """The physical name of each lane's stream, which is `dest_stream` of the lane's events."""
        ...

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def undelivered(self) -> Undelivered | None:
        """The queue of messages that could not be delivered; None if the backend has no such queue."""
        ...

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        """Yield the records of a batch of which AWS named only the place in a stream."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Make all changes of table, lanes and ledger in this block one change, if the site `is_atomic`."""
        ...

    @property
    def is_atomic(self) -> bool:
        """Whether `transaction` makes several changes one change."""
        ...

    def code_of(self, event: ObjectEvent) -> HandlerCode:
        """Return the handler of an object, for error items; empty if no mapping fits."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Returns epoch seconds."""
        ...

    @property
    def sleep(self) -> Callable[[float], None]: ...


class ListingSite(Site, Protocol):
    """A site whose buckets can be listed."""

    @property
    def directories(self) -> Mapping[str, Path]:
        """The directories of this machine that stand for buckets, by bucket."""
        ...

    @property
    def unlisted(self) -> Sequence[str]:
        """The paths that could not be listed so far, with reasons."""
        ...

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        """Yield one event for each object whose key begins with `prefix`, in key order. Raises StorageError."""
        ...

    def beginnings(self, bucket: str) -> Sequence[str]:
        """Return how the keys of a bucket's objects begin: others in S3 are none of this site."""
        ...

    def is_unfinished(self, event: ObjectEvent) -> bool:
        """Whether a service leaves a listed object alone, since it is still being written."""
        ...


class SharedSite(Site, Protocol):
    """A site whose ledger several invocations share."""

    @property
    def ledger(self) -> SharedLedger: ...


class LambdaSite:
    """The site of a stack's function: environment variables name the resources, the package has config and handlers."""

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

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        return self.store.list(bucket, prefix)

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


class WorkerSite:
    """The site of a process of this machine that runs handlers: it reads objects, and opens no state."""

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


class MachineSite(WorkerSite):
    """The site of this machine: its state, and directories as buckets. The caller opens and closes the state."""

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
        self.state = state
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


class StackSite(WorkerSite):
    """The site of a stack for operators: its ports, and its objects in S3. Handlers run on this machine."""

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
