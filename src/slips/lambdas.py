"""The functions on AWS: what each is invoked with goes to its station, with the ports of AWS behind it.

The names are the handlers' names in the template. Clients, config and the user's code are made on first use, and kept
while AWS keeps the process.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from slips import telemetry
from slips.chain import compile_chain
from slips.config import Config, read_packaged
from slips.envelope import Batch, Message, arguments, evidence, found_in, lane_records, messages
from slips.errors import EnvelopeError, StateError, StreamError, UsageError
from slips.interface import load_handlers
from slips.model import ErrorItem, Lane, ObjectEvent, format_time
from slips.pipeline.choose import Choice
from slips.pipeline.dispatch import dispatch
from slips.pipeline.drain import drain as drain_items
from slips.pipeline.drain import redeliver
from slips.pipeline.invocation import Deadline, run_batch
from slips.pipeline.process import Processor
from slips.pipeline.push import push
from slips.pipeline.report import SPENT_STATUS, listed, report_lost
from slips.routing import mapping_for
from slips.usercode import code_version

REPORT_SECONDS = 60.0
"""Reporter keeps them to write down what it read back from a stream."""
DRAIN_SECONDS = 20.0
"""Drain ends when less is left, and says that there is more."""
BATCH_SIZE = 10_000
"""Objects for one MainFunc where a dispatcher is not told: all that it is given."""


class Context(Protocol):
    """What AWS says about an invocation."""

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int: ...


class Function:
    """What an execution environment keeps from one invocation to the next."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)
    clock: Callable[[], float] = staticmethod(time.monotonic)
    exit: Callable[[int], None] = staticmethod(os._exit)

    def __init__(self) -> None:
        self.seconds_left: Callable[[], float] = lambda: 0.0
        """Of the invocation at hand."""

    @cached_property
    def stack(self) -> str:
        # Asked for before any code of the user runs, which may change the environment.
        return os.environ.get("SLIPS_STACK", "")

    @cached_property
    def config(self) -> Config:
        return read_packaged(Path(os.environ["LAMBDA_TASK_ROOT"]))

    @cached_property
    def clients(self) -> Any:
        from slips.backends.aws.clients import Clients

        return Clients()

    @cached_property
    def stream(self) -> Any:
        from slips.backends.aws.kinesis import KinesisStream

        arns: dict[Lane, str] = {
            "fast": os.environ["SLIPS_FAST_STREAM_ARN"],
            "slow": os.environ["SLIPS_SLOW_STREAM_ARN"],
        }
        return KinesisStream(self.clients.kinesis, arns)

    @cached_property
    def errors(self) -> Any:
        from slips.backends.aws.error_table import DynamoErrors

        return DynamoErrors(self.clients.dynamodb, os.environ["SLIPS_ERROR_TABLE"])

    @cached_property
    def ledger(self) -> Any:
        from slips.backends.aws.ledger import DynamoLedger

        errors = self.errors if "SLIPS_ERROR_TABLE" in os.environ else None
        days = self.config.backend.ledger_days
        return DynamoLedger(self.clients.dynamodb, os.environ.get("SLIPS_LEDGER_TABLE", ""), errors, days=days)

    def drop(self, event: ObjectEvent) -> None:
        """Writes down that a rule drops the event: most stacks have no such rule, and need no client for it."""
        self.ledger.drop(event)

    @cached_property
    def store(self) -> Any:
        from slips.backends.aws.s3 import S3Store

        return S3Store(self.clients.s3)

    @cached_property
    def processor(self) -> Processor:
        from slips.backends.aws.secret_store import FIRST_SECONDS, SecretArgs
        from slips.backends.aws.throttles import seconds_from_now

        config = self.config
        args = SecretArgs(
            config.handler.args,
            self.clients,
            max_age=config.handler.secrets_max_age,
            # Who waited in vain is invoked again by AWS after a minute.
            left=seconds_from_now(min(FIRST_SECONDS, self.seconds_left() / 2), self.clock),
            clock=self.clock,
            sleep=self.sleep,
        )
        return Processor(config, self.store, load_handlers(config.resolve(config.handler.path)), args=args)

    def replace(self) -> None:
        """Ends this process if an object left it unfit for another: AWS starts a new one, and tries again in it."""
        processor: Processor | None = self.__dict__.get("processor")
        if processor is not None and processor.is_spent:
            self.exit(SPENT_STATUS)

    @cached_property
    def code_version(self) -> str:
        return code_version(self.config.resolve(self.config.handler.path))

    def reading_back(self, kept: float) -> Callable[[Batch], Iterator[bytes]]:
        """Reads batches back, and waits for a throttled shard until only `kept` seconds are left."""
        from slips.backends.aws.kinesis import read_back
        from slips.backends.aws.throttles import Backoff

        backoff = Backoff(lambda: self.seconds_left() - kept, self.sleep)
        return lambda batch: read_back(self.clients.kinesis, batch, backoff)

    def reader_of(self, event: ObjectEvent) -> str | None:
        """What numbers the records of an object by the config."""
        mapping = mapping_for(self.config.bucket_mapping, event.bucket_name, event.object_key)
        return compile_chain(mapping.format, self.config.root).reader if mapping else None


_function = Function()


@contextmanager
def _metered(name: str, context: Context) -> Iterator[telemetry.Meter]:
    """Logs and metrics of one invocation."""
    telemetry.set_up(name, context.aws_request_id)
    _function.seconds_left = lambda: context.get_remaining_time_in_millis() / 1000
    meter = telemetry.Meter(_function.stack)
    try:
        yield meter
    finally:
        meter.emit()


def event_pusher(payload: Any, context: Context) -> dict[str, Any]:
    """Objects that were created, in whatever envelope, to their lanes."""
    with _metered("EventPusher", context):
        found = messages(payload)
        problems = [each for each in found if each.problem]
        for each in problems:
            telemetry.log.error("cannot be read: %s", each.problem)
        events = [event for each in found for event in each.events]
        from_queue, refused = any(each.id for each in found), False
        try:
            counts = push(
                events,
                routing=_function.config.routing,
                stream=_function.stream,
                drop=_function.drop,
                streams=_function.stream.names,
            )
        except (StreamError, StateError) as error:
            if not from_queue:
                raise
            telemetry.log.error("%s", error)
            counts, refused = {}, True
        ignored = sum(each.ignored for each in found)
        telemetry.log.info("pushed", extra={"facts": {**counts, "ignored": ignored}})
        if from_queue:
            stay = _untaken(found, payload.get("Records", [payload]), refused=refused)
            return {"batchItemFailures": [{"itemIdentifier": each.id} for each in stay]}
        if problems:
            raise EnvelopeError(listed([each.problem for each in problems]))
        return {**counts, "ignored": ignored}


def _untaken(found: list[Message], records: list[Any], *, refused: bool) -> list[Message]:
    """The messages that stay in their queue, and come again. `refused`: not all events of them were taken.

    A message that would come again in vain, unseen, until its queue lets go of it, is moved to the undelivered ones: at
    once if it cannot be read, as the same bytes never become readable, else after some receives. If the queue has a
    redrive policy, its owner has said what becomes of such messages: they stay.
    """
    stay = list[Message]()
    for message, record in zip(found, records, strict=True):
        waits = refused and bool(message.events)
        if waits or message.problem:
            try:
                moved = _moved(message, record, waits=waits)
            except StateError as error:
                telemetry.log.error("cannot be moved to the undelivered messages: %s", error)
                moved = False
            if moved:
                telemetry.log.warning("message %s was moved to the undelivered ones", message.id)
            else:
                stay.append(message)
    return stay


def _moved(message: Message, record: Any, *, waits: bool) -> bool:
    """Whether a message is with the undelivered ones now. Raises StateError, and then it is not."""
    from slips.backends.aws.queue import LONGEST, RECEIVES, UndeliveredQueue, has_redrive_policy

    url = os.environ.get("SLIPS_UNDELIVERED_URL")  # none if the config has no queue, and somebody else mapped this one
    if url is None or (waits and message.receives < RECEIVES):
        return False
    if has_redrive_policy(_function.clients.sqs, message.queue):
        return False
    UndeliveredQueue(_function.clients.sqs, url).keep(evidence(record, LONGEST))
    return True


def dispatcher(payload: Any, context: Context) -> dict[str, Any]:
    """A batch of a lane to the main func. AWS delivers again what it is told of."""
    from slips.backends.aws.functions import LambdaInvoker

    with _metered("Dispatcher", context):
        done = dispatch(
            lane_records(payload),
            invoker=LambdaInvoker(_function.clients.functions, os.environ["SLIPS_MAIN_FUNC"]),
            batch_size=int(os.environ.get("SLIPS_BATCH_SIZE") or BATCH_SIZE),
            delay=float(os.environ.get("SLIPS_DELAY") or 0),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
            sleep=_function.sleep,
        )
        facts = {"events": done.events, "invocations": done.invocations}
        if done.problem:
            telemetry.log.error("not all dispatched: %s", done.problem, extra={"facts": facts})
        else:
            telemetry.log.info("dispatched", extra={"facts": facts})
        return {"batchItemFailures": [{"itemIdentifier": done.retry_from}] if done.problem else []}


def main_func(payload: Any, context: Context) -> dict[str, Any]:
    """Object events through their chains to the user's handlers."""
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000)
    try:
        with _metered("MainFunc", context) as meter:
            done = run_batch(
                arguments(payload),
                context.aws_request_id,
                processor=_function.processor,
                ledger=_function.ledger,
                errors=_function.errors,
                stream=_function.stream,
                deadline=deadline,
                observer=meter,
                routing=_function.config.routing,
                code_version=_function.code_version,
            )
            return _plain(done)
    finally:
        deadline.cancel()
        _function.replace()


def reporter(payload: Any, context: Context) -> dict[str, Any]:
    """An invocation that was given up, to the error table."""
    with _metered("Reporter", context) as meter:
        done = report_lost(
            found_in(payload),
            read_back=_function.reading_back(REPORT_SECONDS),
            ledger=_function.ledger,
            errors=_function.errors,
            now=time.time(),
            code_version=_function.code_version,
        )
        for item in done.items:
            meter.reported(item.events[0] if item.events else None, item.message)
        return {"items": len(done.items), "settled": done.settled}


class DrainRequest(Struct, forbid_unknown_fields=True):
    """What Drain is asked to do; nothing is everything."""

    ids: list[str] | None = None
    since: str | Annotated[float, Meta(ge=0, le=253_402_300_799)] | None = None
    """As `slips errors --since` takes it, or epoch seconds."""
    prefix: str | None = None
    type: str | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    dry_run: bool = False


class DrainResult(Struct):
    """What Drain has done."""

    drained: int = 0
    lanes: dict[str, int] = {}
    kept: int = 0
    undelivered: int = 0
    """Events of messages that nobody could deliver, back on their lanes."""
    notes: list[str] = []
    more: bool = False
    """The time was up before all was done."""


def drain(payload: Any, context: Context) -> dict[str, Any]:
    """Error items, and what nobody could deliver, back on their lanes."""
    from slips.backends.aws.queue import UndeliveredQueue

    with _metered("Drain", context):
        try:
            request = msgspec.convert(payload or {}, DrainRequest)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise UsageError(f"Drain: {error}; expected keys {', '.join(DrainRequest.__struct_fields__)}") from error
        done = DrainResult(lanes={"fast": 0, "slow": 0})

        def is_late() -> bool:
            return context.get_remaining_time_in_millis() < DRAIN_SECONDS * 1000

        queue = UndeliveredQueue(_function.clients.sqs, os.environ["SLIPS_UNDELIVERED_URL"])
        _drain_items(request, done, is_late)
        whole = request.ids is None and not (request.since or request.prefix or request.type or request.limit)
        if whole and not request.dry_run and not done.more:
            for each in redeliver(
                queue,
                read_back=_function.reading_back(DRAIN_SECONDS),
                stream=_function.stream,
                ledger=_function.ledger,
                routing=_function.config.routing,
                streams=_function.stream.names,
            ):
                done.undelivered += each.events
                done.notes += [each.note] if each.note else []
                if is_late():
                    done.more = True
                    break
        telemetry.log.info("drained", extra={"facts": _plain(done)})
        return _plain(done)


def _drain_items(request: DrainRequest, done: DrainResult, is_late: Callable[[], bool]) -> None:
    errors = _function.errors
    table: Iterator[ErrorItem] = errors.scan()
    if request.ids is not None:
        named = {each: errors.get(each) for each in request.ids}
        done.notes += [f"no error item {each!r}" for each, item in named.items() if item is None]
        table = (item for item in named.values() if item is not None)
    since = format_time(request.since) if isinstance(request.since, int | float) else request.since
    chosen = islice(Choice(since or None, request.prefix or None, request.type or None).of(table), request.limit)
    lanes: Counter[str] = Counter(done.lanes)

    def in_time() -> Iterator[ErrorItem]:
        for number, item in enumerate(chosen):
            if number and is_late():  # one is drained in any case, so that who calls again gets further
                done.more = True
                return
            yield item

    for each in drain_items(
        in_time(),
        errors=errors,
        store=_function.store,
        stream=_function.stream,
        routing=_function.config.routing,
        streams=_function.stream.names,
        reader_of=_function.reader_of,
        drop=_function.drop,
        dry_run=request.dry_run,
    ):
        lanes.update(each.lanes)
        done.drained, done.kept = done.drained + bool(each.lanes), done.kept + (not each.lanes)
        done.notes += each.notes
    done.lanes = dict(lanes)


def _plain(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
