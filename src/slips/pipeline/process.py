"""Main func: one object in, its events to the handlers, a Success or a Failure out.

It never raises for an object's sake and never writes: the caller concludes the run in the error table and the ledger.
"""

from __future__ import annotations

import copy
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any, overload

import msgspec
from msgspec import Struct, field

from slips.chain import Chain, Recv, Ticker, compile_chain
from slips.codec import CodecLimits, Decoded, decode
from slips.config import Config, Mapping
from slips.errors import (
    AccountingError,
    FormatError,
    HandlerError,
    MappingError,
    ObjectError,
    OverwrittenError,
    RecordError,
    StateError,
    StorageError,
    WorkerError,
)
from slips.exceptions import cause_of, describe, is_interrupt, name_of, text_of, traceback_pieces
from slips.format import Bad, Event, Record
from slips.health import Health, is_exhausted
from slips.interface import Handler
from slips.methods import advice, lazy
from slips.model import MetaData, ObjectEvent, Outcome, Range, Sample, bounded
from slips.pipeline.evidence import keep
from slips.pipeline.key import as_stored
from slips.pipeline.result import plain_result
from slips.ports import ObjectStore, StoredObject
from slips.position import PLACE, Cells, Place
from slips.routing import mapping_for

RANGES = 1_000
"""Most ranges of record numbers in one error item: 1,000 fit well into a DynamoDB item of 400 KB."""
SAMPLES_BYTES = 32_000
"""All samples of an item, as JSON."""
SAMPLE_BYTES = 4_000
"""As much of a record as a sample shows."""
REASON_BYTES = 2_000
MESSAGE_BYTES = 4_000
TRACEBACK_BYTES = 16_000
WRONG_MAPPING_RECORDS = 10
"""From so many records on, an object of which more than half fail has the wrong mapping."""


class Quarantined(Struct):
    """Some records that failed: at most RANGES ranges of them, with samples. One error item."""

    numbers: bytes
    """First and last of each range, eight bytes each: lists of millions would not be flat memory."""
    samples: list[Sample]
    error_type: str
    message: str
    traceback: str

    @property
    def ranges(self) -> list[Range]:
        """Of record numbers, in order."""
        numbers = array("Q", self.numbers)
        return list(zip(numbers[::2], numbers[1::2], strict=True))


class Success(Struct, tag=True):
    """The object is done, but for the records in `quarantine`."""

    event: ObjectEvent
    outcome: Outcome
    quarantine: list[Quarantined] = field(default_factory=list)
    rest: ObjectEvent | None = None
    """What is still to be done, if the run was stopped at a record boundary."""
    reader: str = ""
    names: tuple[str, ...] = ()
    """Other identities of the content that was read."""


class Failure(Struct, tag=True):
    """The object is not done; nothing of it may be quarantined or marked."""

    event: ObjectEvent
    stage: str
    error_type: str
    message: str
    retryable: bool
    traceback: str = ""
    seq: int | None = None
    """The record at which a handler raised."""
    handler_event: dict[str, Any] | None = None
    """The event that `recv` had when it raised, as short JSON."""
    handler_event_truncated: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    names: tuple[str, ...] = ()
    """Other identities of the content that was read, as far as that is certain."""
    resources: bool = False
    """The process had no memory, descriptors or threads left, or was damaged: the object may do well in another."""


class Superseded(Struct, tag=True):
    """Nothing was delivered: other content than the announced was there, and needs no run of its own."""

    event: ObjectEvent
    """With the identity that was read."""
    names: tuple[str, ...] = ()


def by_itself(read: ObjectEvent) -> ObjectEvent:
    """The event of content that was read where another was announced: it is no replay of the other."""
    return msgspec.structs.replace(read, replay=None)


Admit = Callable[[ObjectEvent, tuple[str, ...]], bool]
"""Asked about an event with the identity and key that were read, if others were announced, and the other names of what
was read: whether that content may run."""
_READING = ("storage", "decompression", "reader")


def _always(_event: ObjectEvent, _names: tuple[str, ...]) -> bool:
    return True


class Processor:
    """Processes objects with one configuration. Chains are compiled once, handlers are fresh for each object.

    `args`, asked for each object, gives what handlers are set up with; without it, they are those of the config.
    """

    def __init__(
        self,
        config: Config,
        store: ObjectStore,
        handlers: Sequence[type[Handler]],
        *,
        args: Callable[[], dict[str, Any]] | None = None,
        is_test: bool = False,
    ) -> None:
        self._args = args or (lambda: config.handler.args)
        self._config, self._store, self._handlers, self._is_test = config, store, handlers, is_test
        self._chains: dict[tuple[str, ...], Chain] = {}
        self._health = Health()
        self._has_run = False
        self.is_spent = False
        """Whether an object left this process such that the next one needs another."""
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
        """One object, whole or the records that `event.records` names. `admit` has the last word on other content."""
        ticker = ticker or Ticker()
        is_fresh, self._has_run = not self._has_run, True
        run = self._begin(event, ticker)
        try:
            ended = self._finish(run, ticker, admit)
        except:  # noqa: E722 - without a name: the handler may have replaced those of the exceptions
            damage = self._health.mend()
            error = sys.exception()
            # By its type: `isinstance` asks the object itself, which may be the user's.
            if error is None or issubclass(type(error), StateError) or not issubclass(type(error), Exception):
                raise  # `admit` could not ask: the object has not failed
            return self._failed(run, error, damage, is_fresh)
        self.is_spent = bool(self._health.mend()) or self.is_spent
        return ended

    def _failed(self, run: _Run, error: BaseException, damage: str, is_fresh: bool) -> Failure:
        """Makes the Failure of a run that `error` ended, in a process that is fresh or has had objects before."""
        is_expected = issubclass(type(error), ObjectError)
        excused = is_exhausted(error) or bool(damage)
        self.is_spent |= excused or not is_expected
        if not is_expected:
            what = "" if excused else "; this is a bug of slips, please report it"
            if not (excused or is_fresh):
                # Nobody sees all that a handler may do to a process: the object at hand need not be the cause.
                excused, what = True, "; an object before it may have damaged the process"
            unexpected = WorkerError(f"{run.event.url}: {describe(error)}{what}")
            unexpected.__cause__ = error
            error = unexpected
        failure = run.failure(error)
        if excused:
            failure.resources = failure.retryable = True
            failure.message += f" (the process was damaged: {damage})" if damage else ""
        return failure

    def attempt(self, event: ObjectEvent) -> Success:
        """Like `process`, but raises the ObjectError that ended the run: tests of handlers want its cause."""
        ticker = Ticker()
        done = self._finish(self._begin(event, ticker), ticker, _always)
        assert isinstance(done, Success)  # noqa: S101 - every content is admitted
        return done

    def _begin(self, event: ObjectEvent, ticker: Ticker) -> _Run:
        return _Run(event, self._handlers, ticker.position, self._config.limits.result_bytes, self._is_test)

    def _finish(self, run: _Run, ticker: Ticker, admit: Admit) -> Success | Superseded:
        announced = run.event
        if announced.quoted:
            run.event = as_stored(announced, self._store, lambda each: self._mapping(each) is not None)
        event = run.event
        mapping = self._mapping(event)
        if mapping is None:
            raise MappingError(
                f"{event.url}: no prefix of 'bucket_mapping' fits; expected one for bucket "
                f"{event.bucket_name!r}; add it to the config, then 'slips drain'"
            )
        chain = self._chain(mapping)
        if chain.ignores:
            return Success(event, run.outcome)
        with self._store.open(event) as stored:
            run.outcome.identity, run.outcome.etag = stored.identity, stored.etag
            _refuse_other_content(event, stored, chain)
            # What error items and `record_id` name is the content that was read, not the one announced.
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
                stopped = run.records(chain, decoded, source, mapping, self._args(), ticker)
            finally:
                run.outcome.bytes_in, run.outcome.bytes_out = decoded.bytes_in, decoded.bytes_out
        run.conclude()
        rest = _rest(source, chain, stopped)
        return Success(source, run.outcome, run.quarantine.parts, rest, chain.reader, run.names)

    def _mapping(self, event: ObjectEvent) -> Mapping | None:
        return mapping_for(self._config.bucket_mapping, event.bucket_name, event.object_key)

    def _chain(self, mapping: Mapping) -> Chain:
        key = tuple(mapping.format)
        if key not in self._chains:
            self._chains[key] = compile_chain(mapping.format, self._config.root, self._config.limits.record)
        return self._chains[key]


class _Run:
    """One run of one object: its handlers, its counters, its bad records."""

    def __init__(
        self,
        event: ObjectEvent,
        handlers: Sequence[type[Handler]],
        position: Cells,
        result_bytes: int,
        is_test: bool,
    ) -> None:
        self._is_test = is_test
        self.event, self._classes, self._position, self._result_bytes = event, handlers, position, result_bytes
        self._announced = event
        self.names: tuple[str, ...] = ()
        self.outcome, self.quarantine = Outcome(), Quarantine()
        self._handlers: list[Handler] = []
        self._current = ""
        self._current_event: Event | None = None
        """The event of the handler at hand, where several get one each."""

    def records(
        self,
        chain: Chain,
        decoded: Decoded,
        source: ObjectEvent,
        mapping: Mapping,
        args: dict[str, Any],
        ticker: Ticker,
    ) -> int | None:
        """Handlers set up and every record through them; the number of the last record if `ticker` stopped it."""
        self._call(None, "setup", args)
        if ticker.due:
            ticker.tick(0)
        self._position[PLACE] = Place.RECORDS

        def reject(seq: int, record: Record, error: Exception) -> None:
            if mapping.on_error == "fail":
                raise FormatError(f"{source.url}: record {seq}: {_reason(error)}") from error
            self.quarantine.add(seq, record, error)

        recv = self._recv_all if len(self._handlers) > 1 else self._recv_of(self._handlers[0])
        try:
            return chain.run(
                decoded.stream,
                self.outcome,
                source=source,
                recv=recv,
                reject=reject,
                ticker=ticker,
                skip=mapping.on_error == "skip",
                is_test=self._is_test,
            )
        except HandlerError as error:
            cause = cause_of(error)
            if type(cause) is _Unfinished:
                what, cause = f"returned {cause}; {advice('recv')}", None
            else:
                what = f"raised {describe(cause)}{_hint(cause)}" if cause is not None else str(error)
            event = error.event if self._current_event is None else self._current_event
            named = HandlerError(f"{source.url}: record {error.seq}: {self._current}.recv {what}", event)
            named.seq = error.seq
            raise named from cause

    def conclude(self) -> None:
        """Handlers' results, after the counters were found to agree."""
        outcome = self.outcome
        if not outcome.balanced:
            raise AccountingError(
                f"{self.event.url}: {outcome.records} records, but {outcome.delivered} delivered + "
                f"{outcome.filtered} filtered + {outcome.quarantined} quarantined; expected the same; "
                "this is a bug of slips, please report it"
            )
        whole = self.event.records is None
        if whole and outcome.records >= WRONG_MAPPING_RECORDS and outcome.quarantined * 2 > outcome.records:
            first = self.quarantine.parts[0]
            opens = first.samples and first.samples[0].raw.strip() in ("{", "[")
            hint = (
                "; it looks like one JSON document over several lines, which [s3-text, json, …] reads" if opens else ""
            )
            raise FormatError(
                f"{self.event.url}: {outcome.quarantined} of {outcome.records} records cannot be understood, "
                f"the first (record {first.ranges[0][0]}): {first.message}; expected the chain to fit most of them; "
                f"look at its 'format' in 'bucket_mapping'{hint}"
            )
        self._call("results", "result")

    def failure(self, error: BaseException) -> Failure:
        """Describes the ObjectError that ended the run; its type at least, if the rest cannot be said."""
        try:
            return self._failure(error)  # type: ignore[arg-type]  # by its type it is one, whatever it says itself
        except BaseException as failed:  # noqa: BLE001 - a class of the user's may have replaced any attribute
            by_handler = issubclass(type(error), HandlerError)
            what = f"{name_of(type(error))}, which cannot be described: {describe(failed)}"
            return Failure(
                event=self._announced,
                stage=HandlerError.stage if by_handler else ObjectError.stage,
                error_type=name_of(type(error)),
                message=bounded(f"{self._announced.url}: {what}", MESSAGE_BYTES),
                retryable=True,
                traceback=_traceback(error),
                outcome=self.outcome,
            )

    def _failure(self, error: ObjectError) -> Failure:
        cause = cause_of(error)
        shown = error if cause is None else cause
        by_handler = isinstance(error, HandlerError)
        # What decompresses knows bytes, not records; what cuts records knows no object.
        text = str(error)
        if not text.startswith(self.event.url):
            text = f"{self.event.url}: {text}"
        said = "after record" in text or error.stage not in _READING
        where = "" if said or not error.seq else f" (after record {error.seq})"
        # A file that changes while it is read has no content that could be named.
        is_certain = not (self.names and isinstance(error, StorageError))
        given, cut = keep(error.event) if isinstance(error, HandlerError) and error.event is not None else (None, False)
        return Failure(
            event=self.event if is_certain else self._announced,
            stage=error.stage,
            error_type=name_of(type(shown if by_handler or isinstance(error, WorkerError) else error)),
            message=bounded(text, MESSAGE_BYTES - len(where)) + where,
            retryable=error.retryable,
            traceback=_traceback(shown),
            seq=error.seq if by_handler and error.seq else None,
            handler_event=given,
            handler_event_truncated=cut,
            outcome=self.outcome,
            names=self.names if is_certain else (),
        )

    def _call(self, keep: str | None, method: str, *args: Any) -> None:
        """Calls `method` of each handler; makes them first if there are none yet."""
        place, kind = method, ""
        try:
            if not self._handlers:
                place = "__init__"
                self._position[PLACE] = Place.INIT
                for one in self._classes:
                    self._current = name_of(one)
                    self._handlers.append(one())
                place = method
            self._position[PLACE] = Place.SETUP if method == "setup" else Place.RESULT
            for handler in self._handlers:
                self._current = _name(handler)
                returned = getattr(handler, method)(*copy.deepcopy(args))
                kind = lazy(returned)
                if kind:
                    break
                if keep:
                    self.outcome.results[self._current] = plain_result(returned, self._result_bytes)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(place, error) from error
        if kind:
            raise HandlerError(f"{self.event.url}: {self._current}.{method} returned {kind}; {advice(method)}")

    def _raised(self, place: str, error: BaseException) -> HandlerError:
        what = f"{describe(error)}{_hint(error)}"
        return HandlerError(f"{self.event.url}: {self._current}.{place} raised {what}")

    def _recv_of(self, handler: Handler) -> Recv:
        """The method of the only handler, which may be a property."""
        self._current = _name(handler)
        try:
            return handler.recv
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised("recv", error) from error

    def _recv_all(self, meta: MetaData, event: Event) -> None:
        """Each handler gets its own meta and event: a copy of what the last one gets, made just before.

        Raises _Unfinished for the first that returns work still to be done.
        """
        last = self._handlers[-1]
        for handler in self._handlers:
            self._current = _name(handler)
            if handler is not last:
                each_meta, each_event = copy.copy(meta), _copy_json(event)
            else:
                each_meta, each_event = meta, event
            self._current_event = each_event
            recv: Recv = handler.recv  # what is declared to return nothing may do so
            returned = recv(each_meta, each_event)
            # Told here, and once: a future may be done a moment later.
            if returned is not None and (kind := lazy(returned)):
                raise _Unfinished(kind)


class _Unfinished(Exception):
    """One of several handlers returned what is, in words, work still to be done."""


class Quarantine:
    """The bad records of one run, in flat memory: ranges are joined, samples are few and short."""

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._first_errors: list[tuple[str, str, str]] = []
        self._samples: list[list[Sample]] = []
        self._room = 0
        """Bytes of samples that the item at hand may still take."""

    def add(self, seq: int, record: Record, error: Exception) -> None:
        """One bad record; numbers only grow."""
        numbers = self._numbers
        if numbers and numbers[-1] == seq - 1:
            numbers[-1] = seq
        else:
            if len(numbers) % (2 * RANGES) == 0:
                message = bounded(_reason(error), MESSAGE_BYTES)
                self._first_errors.append((name_of(type(error)), message, _traceback(error)))
                # From the second item on, one sample each: a million bad records must not fill the memory.
                self._room = 1 if self._samples else SAMPLES_BYTES
                self._samples.append([])
            numbers.append(seq)
            numbers.append(seq)
        if self._room > 0:
            sample = _sample(seq, record, error)
            self._room -= len(msgspec.json.encode(sample))
            if self._room >= 0 or not self._samples[-1]:
                self._samples[-1].append(sample)

    @property
    def parts(self) -> list[Quarantined]:
        """One for each RANGES ranges."""
        step = 2 * RANGES
        return [
            Quarantined(self._numbers[at : at + step].tobytes(), self._samples[index], *self._first_errors[index])
            for index, at in enumerate(range(0, len(self._numbers), step))
        ]


def _sample(seq: int, record: Record, error: Exception) -> Sample:
    """A record and what is wrong with it, as far as there is room: an element of a document is written out again."""
    if isinstance(record, Bad):
        raw, size = record.head, record.size
    else:
        raw = _raw(record)
        size = len(raw)
    return Sample.of(seq, bounded(_reason(error), REASON_BYTES), raw[:SAMPLE_BYTES], size)


def _raw(record: bytes | Event) -> bytes:
    if isinstance(record, bytes):
        return record.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(record).encode("utf-8", "surrogateescape")


def _reason(error: Exception) -> str:
    """Why a record is bad. The text of other exceptions than ours means little without their type."""
    return text_of(error) if issubclass(type(error), RecordError) else describe(error)


def _traceback(error: BaseException) -> str:
    """The end of a traceback, which says most. A text in it that is very long hides none of the lines around."""
    pieces = [bounded(piece, MESSAGE_BYTES) for piece in traceback_pieces(error)]
    pieces = [piece if piece.endswith("\n") else f"{piece}…\n" for piece in pieces]
    return bounded("".join(pieces), TRACEBACK_BYTES, end=True)


def _refuse_other_content(event: ObjectEvent, stored: StoredObject, chain: Chain) -> None:
    """Record numbers mean something only in the very content, cut by the very reader, that they were made from."""
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
    """The event that continues a run that stopped after record `stopped`."""
    if stopped is None:
        return None
    ranges: list[Range] = [
        (max(first, stopped + 1), last)
        for first, last in event.records or [(1, None)]
        if last is None or last > stopped
    ]
    return msgspec.structs.replace(event, records=ranges, reader=chain.reader) if ranges else None


def _hint(error: BaseException) -> str:
    """Advises on an exception of a handler that few understand."""
    if type(error) is not UnicodeEncodeError:  # `isinstance` asks the error itself, which may raise
        return ""
    text: Any = error.object  # of one that was never initialized, it is None
    character = text[error.start : error.start + 1] if type(text) is str else ""
    if not "\udc80" <= character <= "\udcff":
        return ""
    return (
        f"; {character!r} stands for the byte '0x{ord(character) - 0xDC00:02x}' of the log, which is not UTF-8; "
        "expected a handler that says what becomes of it; write text.encode('utf-8', 'surrogateescape') for the bytes "
        "of the log, or 'backslashreplace' instead for text that everybody can read"
    )


def _name(handler: Handler) -> str:
    return name_of(type(handler))


def _copy_json(value: Any) -> Any:
    """A deep copy, several times faster than `copy.deepcopy` for what JSON is made of."""
    kind = value.__class__
    if kind is dict:
        return {key: _copy_json(each) for key, each in value.items()}
    if kind is list:
        return [_copy_json(each) for each in value]
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    return copy.deepcopy(value)
