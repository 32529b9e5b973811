"""Processes one object for the main func: runs it through its chain to the handlers, and returns the end of the run.

A run never raises because of its object, and never writes: the caller concludes it in the error table and the ledger.
Bad records go to the quarantine, unless `on_error` says otherwise, and the object succeeds without them. But if more
than half of its records are bad, the object fails as a whole, since its mapping is probably wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload

import msgspec

from slips.codec import CodecLimits, Decoded, decode
from slips.config import Mapping
from slips.errors import (
    AccountingError,
    FormatError,
    HandlerError,
    MappingError,
    ObjectError,
    OverwrittenError,
    StateError,
    StorageError,
    UsageError,
    WorkerError,
)
from slips.exceptions import cause_of, describe, name_of
from slips.format import Record
from slips.health import Health, is_exhausted
from slips.inference.hint import looks_like
from slips.interface import Handler, event_types
from slips.model import ObjectEvent, Outcome, Range, bounded
from slips.not_logs import NotLog
from slips.parsing.chain import compile_chain
from slips.parsing.contains import CONTAINS_RULE
from slips.parsing.run import Chain, Ticker
from slips.pipeline.ended import Admit, Failure, Success, Superseded
from slips.pipeline.evidence import MESSAGE_BYTES, keep, reason_of, traceback_of
from slips.pipeline.handlers import Handlers
from slips.pipeline.quarantine import Quarantine
from slips.pipeline.quoted_key import as_stored
from slips.pipeline.result import plain_result
from slips.ports import StoredObject
from slips.position import STEP, Cells, Step
from slips.printable import plural
from slips.routing import assigned
from slips.site.protocols import HandlerSite

WRONG_MAPPING_RECORDS = 10
"""Least records of an object for the rule that its mapping is wrong if more than half of the records fail."""
_READING = ("storage", "decompression", "reader")


def _always(_event: ObjectEvent, _names: tuple[str, ...]) -> bool:
    return True


class Processor:
    """Runs objects on one site. A chain is compiled once, and a handler's file imported once, when it is first needed.

    Handlers are fresh for each object, and so are their args.
    """

    def __init__(self, site: HandlerSite, *, is_test: bool = False) -> None:
        config = site.config
        self._config, self._store, self._loader = config, site.store, site.loader
        self._is_test = is_test
        self._chains: dict[tuple[object, ...], Chain] = {}
        self._loaded: set[str] = set()
        """Names of the handlers that were loaded."""
        self._health = Health()
        self._has_run = False
        self.is_spent = False
        """Whether an object left this process unfit for another object."""
        self._codec_limits = CodecLimits(
            object_bytes=config.limits.object_bytes, expansion_ratio=config.limits.expansion_ratio
        )

    @overload
    def process(self, event: ObjectEvent, ticker: Ticker | None = None) -> Success | Failure: ...

    @overload
    def process(self, event: ObjectEvent, ticker: Ticker, admit: Admit) -> Success | Failure | Superseded: ...

    def process(
        self, event: ObjectEvent, ticker: Ticker | None = None, admit: Admit = _always
    ) -> Success | Failure | Superseded:
        """Run one object: all of it, or the records in `event.records`.

        If other content than the announced is there, `admit` decides whether that content runs.
        """
        ticker = ticker or Ticker()
        is_fresh, self._has_run = not self._has_run, True
        run = self._begin(event, ticker)
        try:
            ended = self._finish(run, ticker, admit)
        except:  # noqa: E722 - without a name: the handler may have replaced those of the exceptions
            damage = self._health.mend()
            error = sys.exception()
            # By its type: `isinstance` asks the error itself, which may be of the user's class.
            if error is None or issubclass(type(error), StateError) or not issubclass(type(error), Exception):
                raise  # the state failed in `admit`, not the object
            return self._failed(run, error, damage, is_fresh)
        self.is_spent = bool(self._health.mend()) or self.is_spent
        return ended

    def _failed(self, run: _ObjectRun, error: BaseException, damage: str, is_fresh: bool) -> Failure:
        """Return the Failure of a run that `error` ended. `is_fresh`: the process has run no object before."""
        is_expected = issubclass(type(error), ObjectError)
        excused = is_exhausted(error) or bool(damage)
        self.is_spent |= excused or not is_expected
        if not is_expected:
            what = "" if excused else "; this is a bug of slips, please report it"
            if not (excused or is_fresh):
                # No check sees all that a handler may do to a process: another object may be the cause.
                excused, what = True, "; an object before it may have damaged the process"
            unexpected = WorkerError(f"{run.event.url}: {describe(error)}{what}")
            unexpected.__cause__ = error
            error = unexpected
        failure = run.failure(error)
        if excused:
            failure.resources = failure.retryable = True
            failure.message += f" (the process was damaged: {damage})" if damage else ""
        return failure

    @contextmanager
    def expecting(self, events: Iterable[ObjectEvent]) -> Iterator[None]:
        """Let the store prepare, until the end of the block, for objects that will be processed in this order."""
        self.expect(events)
        try:
            yield
        finally:
            self.expect(())

    def expect(self, events: Iterable[ObjectEvent]) -> None:
        """Let the store prepare for objects that will be processed in this order; of none: end that."""
        self._store.expect([event for event in events if self._opens(event)])

    def _opens(self, event: ObjectEvent) -> bool:
        """Whether processing an event opens the object under the event's key, as far as that is known by now."""
        mapping = self._assigned(event)
        if event.quoted or not isinstance(mapping, Mapping):
            return False
        chain = self._chains.get(_chain_key(mapping))
        return chain is None or not chain.ignores

    def attempt(self, event: ObjectEvent) -> Success:
        """Run one object like `process`, but raise the ObjectError that ended the run, for its cause."""
        ticker = Ticker()
        ended = self._finish(self._begin(event, ticker), ticker, _always)
        assert isinstance(ended, Success)  # noqa: S101 - every content is admitted
        return ended

    def _begin(self, event: ObjectEvent, ticker: Ticker) -> _ObjectRun:
        return _ObjectRun(event, ticker.position, self._config.limits.result_bytes, self._is_test)

    def _finish(self, run: _ObjectRun, ticker: Ticker, admit: Admit) -> Success | Superseded:
        announced = run.event
        if announced.quoted:
            run.event = as_stored(announced, self._store, lambda each: isinstance(self._assigned(each), Mapping))
        event = run.event
        mapping = self._assigned(event)
        if mapping is None:
            mappings = self._config.bucket_mapping.get(event.bucket_name, ())
            # Without patterns in the words of the version before: the fingerprint of the error is made of them.
            nor = "" if all(one.pattern is None for one in mappings) else ", nor a pattern"
            raise MappingError(
                f"{event.url}: no prefix of 'bucket_mapping' fits{nor}; expected one for bucket "
                f"{event.bucket_name!r}; add it to the config, then 'slips drain'"
            )
        if isinstance(mapping, NotLog):
            run.outcome.filtered_by = mapping.name
            return Success(event, run.outcome)
        chain = self._chain(mapping)
        if chain.ignores:
            return Success(event, run.outcome)
        classes, args = self._load(event, mapping)
        if any(one.event_type is not None for one in classes):
            chain = self._chain(mapping, classes)
        with self._store.open(event) as stored:
            run.outcome.identity, run.outcome.etag = stored.identity, stored.etag
            _refuse_other_content(event, stored, chain)
            # Error items and `record_id` name the content that was read, not the announced one.
            source = msgspec.structs.replace(
                event,
                object_etag=stored.etag,
                object_size=stored.size,
                object_version_id=stored.version_id,
                quoted=None,
            )
            run.names = stored.names
            if stored.identity != event.identity or event.object_key != announced.object_key:
                run.event = source
                if event.records is None and not admit(source, stored.names):
                    return Superseded(source, stored.names)
            decoded = decode(stored.body, self._codec_limits, event.url)
            try:
                stopped = run.records(chain, decoded, source, mapping, classes, args, ticker)
            finally:
                run.outcome.bytes_in, run.outcome.bytes_out = decoded.bytes_in, decoded.bytes_out
        run.conclude()
        rest = _rest(source, chain, stopped)
        return Success(source, run.outcome, run.quarantine.parts, rest, chain.reader, run.names)

    def _load(self, event: ObjectEvent, mapping: Mapping) -> tuple[Sequence[type[Handler]], dict[str, Any]]:
        """Return the handlers of a mapping, and their args. Raises WorkerError, which names the object."""
        spec = self._config.handler_of(mapping)
        try:
            classes, args = self._loader.handlers_of(spec), self._loader.args_of(spec)
        except UsageError as error:
            raise WorkerError(f"{event.url}: {error}") from error
        if spec.name not in self._loaded:
            self._loaded.add(spec.name)
            self._health = Health()  # changes that an import makes in the process are no damage by an object
        return classes, args

    def _assigned(self, event: ObjectEvent) -> Mapping | NotLog | None:
        return assigned(self._config.bucket_mapping, event)

    def _chain(self, mapping: Mapping, classes: Sequence[type[Handler]] = ()) -> Chain:
        """Return the chain of a mapping, of handlers with event types for these. Raises FormatError."""
        key = (*_chain_key(mapping), *classes)
        if key not in self._chains:
            self._chains[key] = compile_chain(
                mapping.format,
                self._config.root,
                self._config.limits.record,
                contains=tuple(mapping.contains or ()),
                types=event_types(classes),
                timezone=mapping.timezone,
            )
        return self._chains[key]


def _chain_key(mapping: Mapping) -> tuple[object, ...]:
    """Return the same for mappings that have the same chain."""
    return (mapping.chain_key, tuple(mapping.contains or ()), mapping.timezone)


class _ObjectRun:
    """The run of one object: its handlers, its counters, its bad records."""

    def __init__(
        self,
        event: ObjectEvent,
        position: Cells,
        result_bytes: int,
        is_test: bool,
    ) -> None:
        self.event, self._announced = event, event
        self._handlers = Handlers((), position)
        self._position, self._result_bytes, self._is_test = position, result_bytes, is_test
        self.names: tuple[str, ...] = ()
        self.outcome, self.quarantine = Outcome(), Quarantine()

    def records(
        self,
        chain: Chain,
        decoded: Decoded,
        source: ObjectEvent,
        mapping: Mapping,
        classes: Sequence[type[Handler]],
        args: dict[str, Any],
        ticker: Ticker,
    ) -> int | None:
        """Make the handlers and pass them every record. If `ticker` stops the loop, return the last record number."""
        self._handlers, self._steps = Handlers(classes, self._position), chain.names
        self._handlers.set_up(self.event.url, args)
        if ticker.due:
            ticker.tick(0)
        self._position[STEP] = Step.RECORDS

        def reject(seq: int, original: Callable[[], Record], error: Exception) -> None:
            if mapping.on_error == "fail":
                raise FormatError(f"{source.url}: record {seq}: {reason_of(error)}") from error
            self.quarantine.add(seq, original, error)

        url, handlers = source.url, self._handlers
        recv = handlers.recv(url)
        try:
            try:
                stopped = chain.run(
                    decoded.stream,
                    self.outcome,
                    source=source,
                    recv=recv,
                    reject=reject,
                    ticker=ticker,
                    skip=mapping.on_error == "skip",
                    is_test=self._is_test,
                    open_part=decoded.part,
                )
            except HandlerError as error:
                named = handlers.named(url, error)
                raise named from cause_of(named)
            except ObjectError:
                handlers.flush(url)  # batches get the events before a reader's error, as `recv` does
                raise
            last = handlers.flush(url)
        except:
            handlers.take_back(self.outcome)
            raise
        if last and ticker.due:
            ticker.tick(last)  # ends a child that `recv_batch` forked
        return stopped

    def conclude(self) -> None:
        """Check the counters, then collect the handlers' results."""
        outcome = self.outcome
        if not outcome.balanced:
            raise AccountingError(
                f"{self.event.url}: {plural(outcome.records, 'record')}, but {outcome.delivered} delivered + "
                f"{outcome.filtered} filtered + {outcome.quarantined} quarantined; expected the same; "
                "this is a bug of slips, please report it"
            )
        self._handlers.check_delivered(self.event.url, outcome)
        whole = self.event.records is None
        tried = outcome.records - outcome.rules.get(CONTAINS_RULE.name, 0)
        if whole and tried >= WRONG_MAPPING_RECORDS and outcome.quarantined * 2 > tried:
            first = self.quarantine.parts[0]
            opens = first.samples and first.samples[0].raw.strip() in ("{", "[")
            hint = (
                "; it looks like one JSON document over several lines, which [s3-lines, json, …] reads"
                if opens
                else looks_like(self._steps, first.samples, self.event)
            )
            raise FormatError(
                f"{self.event.url}: {outcome.quarantined} of {tried} records cannot be understood, "
                f"the first (record {first.ranges[0][0]}): {first.message}; expected the chain to fit most of them; "
                f"look at its 'format' in 'bucket_mapping'{hint}"
            )
        self._handlers.finish(self.event.url, self._keep_result)

    def _keep_result(self, handler: str, returned: object) -> None:
        self.outcome.results[handler] = plain_result(returned, self._result_bytes)

    def failure(self, error: BaseException) -> Failure:
        """Return the Failure of a run that an ObjectError ended; by its type alone if the error cannot be described."""
        try:
            return self._failure(error)  # type: ignore[arg-type]  # its type is ObjectError; its `__class__` may lie
        except BaseException as failed:  # noqa: BLE001 - a class of the user's may have replaced any attribute
            by_handler = issubclass(type(error), HandlerError)
            description = f"{name_of(type(error))}, which cannot be described: {describe(failed)}"
            return Failure(
                event=self._announced,
                stage=HandlerError.stage if by_handler else ObjectError.stage,
                error_type=name_of(type(error)),
                message=bounded(f"{self._announced.url}: {description}", MESSAGE_BYTES),
                retryable=True,
                traceback=traceback_of(error),
                outcome=self.outcome,
            )

    def _failure(self, error: ObjectError) -> Failure:
        cause = cause_of(error)
        shown = error if cause is None else cause
        by_handler = isinstance(error, HandlerError)
        # An error of decompression names no record. An error of a reader names no object.
        text = str(error)
        if not text.startswith(self.event.url):
            text = f"{self.event.url}: {text}"
        has_place = "after record" in text or error.stage not in _READING
        where = "" if has_place or not error.seq else f" (after record {error.seq})"
        # A file that changes while it is read has no certain content.
        is_certain = not (self.names and isinstance(error, StorageError))
        given = error.handler_event if isinstance(error, HandlerError) else None
        kept, is_cut = keep(given) if given is not None else (None, False)
        return Failure(
            event=self.event if is_certain else self._announced,
            stage=error.stage,
            error_type=name_of(type(shown if by_handler or isinstance(error, WorkerError) else error)),
            message=bounded(text, MESSAGE_BYTES - len(where)) + where,
            retryable=error.retryable,
            traceback=_traceback_of(shown),
            seq=error.seq if by_handler and error.seq else None,
            handler_event=kept,
            handler_event_truncated=is_cut,
            outcome=self.outcome,
            names=self.names if is_certain else (),
        )


def _traceback_of(shown: BaseException) -> str:
    """Return the traceback for an error item. Of a UsageError only that of its cause helps, if it has one."""
    if not issubclass(type(shown), UsageError):
        return traceback_of(shown)
    cause = cause_of(shown)
    return "" if cause is None else traceback_of(cause)


def _refuse_other_content(event: ObjectEvent, stored: StoredObject, chain: Chain) -> None:
    """Raise OverwrittenError if the records were numbered in other content, or by another reader."""
    if event.records is None:
        return
    if event.identity and not stored.is_named(event.identity):
        raise OverwrittenError(
            f"{event.url}: object overwritten since its records were numbered "
            f"(was {event.identity}, is {stored.identity}); expected the same content; what is there now is an object "
            "of its own, and is processed when it is announced"
        )
    if event.reader is not None and event.reader != chain.reader:
        raise OverwrittenError(
            f"{event.url}: its records were numbered by {event.reader!r}, the config now says {chain.reader!r}; "
            "expected the same reader; 'slips drain' replays the whole object instead"
        )


def _rest(event: ObjectEvent, chain: Chain, stopped: int | None) -> ObjectEvent | None:
    """Return the object event that continues a run stopped after record `stopped`."""
    if stopped is None:
        return None
    ranges: list[Range] = [
        (max(first, stopped + 1), last)
        for first, last in event.records or [(1, None)]
        if last is None or last > stopped
    ]
    return msgspec.structs.replace(event, records=ranges, reader=chain.reader) if ranges else None
