"""The loop over the records of an object: parses each record, then delivers, filters or rejects it, and counts.

The loop reads a stream and calls functions: it opens no object and writes to no port. A record is bad if a parser
raises. The loop passes it to `reject` and continues; `process` decides what bad records mean for the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from typing import Any, cast

import msgspec

from slips.errors import HandlerError, NoProgressError, ObjectError, ReaderError, RecordError
from slips.exceptions import describe, is_interrupt
from slips.format import Bad, Event, Format, Limited, PerObject, Record, RecordLimits, Rule
from slips.methods import advice, lazy
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.parsing.contains import Contains
from slips.parsing.readers.text import TextRecords, original
from slips.parsing.stages import Several, Streamed, bind, compose, normalized
from slips.position import BEHIND, RECV, UNREAD, Cells

SKIP_RULE = Rule("on_error: skip", "records that could not be parsed, where the mapping says 'on_error: skip'")

Recv = Callable[[MetaData, Event], object]
Show = Callable[[int, Record], None]
"""`(seq, record)` of each record that is not wanted, for parsers that remember something of their object."""
Reject = Callable[[int, Record, Exception], None]
"""`(seq, record, error)` of each bad record: its number, the record, and the reason. A built-in reader has replaced the
record by one that has the bytes of the object."""


class Ticker:
    """Interrupts the loop between two records: a thread or a signal sets `due`, and the loop then calls `tick`.

    The loop reads one attribute for each record, and a slow handler is interrupted as soon as a fast one.
    """

    due: bool = False
    position: Cells = UNREAD
    """The cells to which the loop writes its position."""

    def tick(self, _seq: int) -> bool:
        """Act between two records, `_seq` being the number of the last wanted one. True stops the loop behind it."""
        return False

    def passed(self, seq: int) -> None:
        """Act behind record `seq`, which was skipped on the way to the wanted ones."""
        self.tick(seq)


class Chain:
    """A reader and its parsers, ready to run. Made by `compile_chain`."""

    def __init__(
        self,
        names: Sequence[str],
        reader: Format,
        parameter: str,
        parsers: Sequence[Format],
        limits: RecordLimits,
        contains: Sequence[str] = (),
    ) -> None:
        self.names = tuple(names)
        """The steps as texts, short forms written out."""
        self.formats = (reader.name, *(each.name for each in parsers))
        self.ignores = reader.gives == "nothing"
        self.reader = reader.identify(parameter)
        """Identity of the reader that numbers the records: `json-records:Records`."""
        self.former_readers = reader.former_identities(parameter)
        """Identities that the reader had before it numbered the records of some object differently."""
        assert reader.read is not None  # noqa: S101 - `compile_chain` puts a reader first
        self._read = Limited.bind(reader.read, limits)
        self._record_bytes = limits.bytes
        self._parameter = parameter
        bound = bind(parsers, limits)
        self._compose = partial(compose, reader, bound, limits)
        self._remembers = any(isinstance(parse, PerObject) for _, parse in bound)
        self.parse = self._compose()
        self._contains = Contains(contains, limits) if contains else None

    def records(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the records of an object. Raises ReaderError."""
        yield from self._cut(stream)

    def _cut(self, stream: BufferedReader) -> Iterable[Record]:
        """Return the records of an object, which know more of themselves if they are TextRecords."""
        return self._read(stream, self._record_bytes, self._parameter)

    def _wanted(self, cut: Iterable[Record], show: Show | None) -> Iterable[Record]:
        """Yield the records of an object, in place of those without a text of the mapping's `contains` their rule."""
        if self._contains is None:
            return cut
        return self._contains.filter(cut, cut.raw_of if isinstance(cut, TextRecords) else lambda _event: None, show)

    def run(
        self,
        stream: BufferedReader,
        outcome: Outcome,
        *,
        source: ObjectEvent,
        recv: Recv,
        reject: Reject,
        ticker: Ticker,
        skip: bool = False,
        is_test: bool = False,
    ) -> int | None:
        """Call `recv` with the events of every record of `stream`, and add the counts to `outcome`.

        Returns None, or the number of the last record if `ticker` stopped the loop. Raises HandlerError from any
        exception of `recv`, and ReaderError from any exception of the reader that is no ObjectError.
        """
        cut = self._cut(stream)
        parse = self._compose() if self._remembers else self.parse
        show = partial(_show, parse, source) if self._remembers else None
        numbered: Iterator[tuple[int, Record]] = enumerate(self._wanted(cut, show), 1)
        if source.records is not None:
            numbered = select(numbered, source.records, ticker, show)
            # A copy: handlers may change the list that they get, and `select` still reads its own.
            source = msgspec.structs.replace(source, records=list(source.records))
        timestamp, position = source.timestamp, ticker.position
        records = delivered = filtered = events = seq = 0
        first, last = float("inf"), float("-inf")
        try:
            for seq, record in numbered:
                records += 1
                meta = MetaData("", timestamp, source, None, seq, 0, is_test)
                try:
                    if isinstance(record, Bad):
                        raise record.error()
                    event: Any = record if isinstance(record, Rule) else parse(meta, record)
                    if event.__class__ is dict or (event := normalized(meta, event)).__class__ is dict:
                        at = meta.timestamp
                        if at < first:
                            first = at
                        if at > last:
                            last = at
                    elif event.__class__ is Several:
                        first = min(first, *(each.timestamp for each, _ in event))
                        last = max(last, *(each.timestamp for each, _ in event))
                    elif event.__class__ is Streamed:
                        event = event.checked()
                        if event.__class__ is Streamed:
                            first, last = min(first, event.first), max(last, event.last)
                except MemoryError:
                    raise
                except BaseException as error:  # parsers may raise anything, `SystemExit` too
                    if is_interrupt(error):
                        raise
                    if skip:
                        filtered += 1
                        outcome.rules[SKIP_RULE.name] = outcome.rules.get(SKIP_RULE.name, 0) + 1
                    else:
                        outcome.quarantined += 1
                        reject(seq, original(cut, record), _why_bad(meta, error))
                    event = None
                if event.__class__ is dict:
                    position[RECV] = seq
                    try:
                        returned = recv(meta, event)
                    except BaseException as error:
                        if is_interrupt(error):
                            raise
                        raise HandlerError("recv raised", event) from error
                    if returned is not None:
                        _refuse_lazy(returned, event)
                    events += 1
                    delivered += 1
                elif event.__class__ is Rule:
                    filtered += 1
                    outcome.rules[event.name] = outcome.rules.get(event.name, 0) + 1
                elif event is not None:
                    position[RECV] = seq
                    for each, part in event:
                        try:
                            returned = recv(each, part)
                        except BaseException as error:
                            if is_interrupt(error):
                                raise
                            raise HandlerError("recv raised", part) from error
                        if returned is not None:
                            _refuse_lazy(returned, part)
                        events += 1
                    delivered += 1
                if ticker.due and ticker.tick(seq):
                    # An object that was stopped behind its last record is complete: no record is left to continue with.
                    return None if next(numbered, None) is None else seq
                position[BEHIND] = seq  # behind `tick`, which ends a child that a handler forked
        except NoProgressError:
            if records:  # the time was up on the way to further records, which another run reads
                return seq
            raise
        except ObjectError as error:
            error.seq = seq
            if isinstance(error, HandlerError):
                records -= 1  # the record at which a handler raised is named, not counted
            raise
        except Exception as error:
            if issubclass(type(error), MemoryError):
                raise
            # A user's own reader may raise anything.
            failed = ReaderError(f"{source.url}: reader {self.reader!r} raised {describe(error)}")
            failed.seq = seq
            raise failed from error
        finally:
            outcome.records += records
            outcome.delivered += delivered
            outcome.filtered += filtered
            outcome.events += events
            if first <= last:
                outcome.first_timestamp, outcome.last_timestamp = float(first), float(last)
        return None


def _refuse_lazy(returned: object, event: Event) -> None:
    """Raise HandlerError if `recv` returned work that is still to do, or that failed: the loop does no such work."""
    try:
        kind = lazy(returned)
    except BaseException as error:
        raise HandlerError("recv raised", event) from error
    if kind:
        raise HandlerError(f"returned {kind}; {advice('recv')}", event)


def _show(parse: Callable[[MetaData, Any], Any], source: ObjectEvent, seq: int, record: Record) -> None:
    """Let parsers that remember see a record that is not wanted; the run that wanted it counted what comes of it."""
    if isinstance(record, Bad | Rule):
        return
    try:
        parse(MetaData("", source.timestamp, source, None, seq), record)
    except MemoryError:
        raise
    except BaseException as error:  # parsers may raise anything, `SystemExit` too
        if is_interrupt(error):
            raise


def select(
    numbered: Iterable[tuple[int, Record]],
    ranges: Sequence[Range],
    ticker: Ticker,
    show: Show | None = None,
) -> Iterator[tuple[int, Record]]:
    """Yield only the records in `ranges` (sorted, disjoint), and read no further than the last of them.

    Calls `show` with each record that is skipped, and `ticker.passed`, if the ticker is due. Skipped records do not
    stop the loop.
    """
    wanted = iter(ranges)
    first, last = next(wanted, (0, 0))
    for seq, record in numbered:
        while last is not None and seq > last:
            first, last = next(wanted, (0, 0))
            if first == 0:
                return
        if seq >= first:
            yield seq, record
            if last is not None and seq == last == ranges[-1][1]:
                return
        else:
            if show is not None:
                show(seq, record)
            if ticker.due:
                ticker.passed(seq)


def _why_bad(meta: MetaData, error: BaseException) -> Exception:
    """Return the reason why a record is bad, as an exception whose text helps the author of the parser."""
    # By type: `isinstance` would run code of the error's class, which may be the user's.
    if issubclass(type(error), TypeError) and not isinstance(meta.timestamp, int | float):
        reason = f"parser set 'meta.timestamp' to {meta.timestamp!r}; expected epoch seconds, as a number"
    elif issubclass(type(error), Exception):
        return cast("Exception", error)
    else:
        reason = describe(error)  # of SystemExit and its like
    bad = RecordError(reason)
    bad.__cause__ = error
    return bad
