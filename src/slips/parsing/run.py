"""The loop over the records of an object: parses each record, then delivers, filters or rejects it, and counts.

The loop reads a stream and calls functions: it opens no object and writes to no port. A record is bad if a parser
raises. The loop passes it to `reject` and continues; `process` decides what bad records mean for the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from io import BufferedReader
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from slips.exceptions import is_interrupt
from slips.format import Bad, Event, Format, Limited, PerObject, Record, RecordLimits, Rule
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.parsing.contains import Contains, numbered
from slips.parsing.declare import Declaration
from slips.parsing.json_text import release_memory
from slips.parsing.loop import Begun, Loop, unusual, write_loop
from slips.parsing.readers.binary import BinaryError
from slips.parsing.readers.text import TextRecords, original
from slips.parsing.stages import bind, compose, fitted
from slips.parsing.ticker import Ticker
from slips.times import in_zone

if TYPE_CHECKING:
    from slips.parsing.direct import Direct
    from slips.parsing.event_types import Fitting
    from slips.parsing.members import Numbers, OpenPart
    from slips.zones import Zone

__all__ = ["Chain", "Recv", "Reject", "Show", "Ticker", "select"]

Recv = Callable[[MetaData, Event], object]
Show = Callable[[int, Record], None]
"""`(seq, record)` of each record that is not wanted, for parsers that remember something of their object."""
Reject = Callable[[int, Callable[[], Record], Exception], None]
"""`(seq, original, error)` of each bad record: its number, what returns the record until `reject` returns, and the
reason. The record of a built-in reader has the bytes of the object."""


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
        fitting: Fitting | None = None,
        archives: Sequence[Format] = (),
        *,
        inline: bool = True,
    ) -> None:
        """`inline`: the loop has the statements of the parsers in it, as far as it may."""
        self.names = tuple(names)
        """The steps as texts, short forms written out."""
        self.formats = (reader.name, *(each.name for each in parsers))
        self.ignores = reader.gives == "nothing"
        around = "".join(f"{archive.identify('')} > " for archive in archives)
        self.reader = around + reader.identify(parameter)
        """Identity of the reader that numbers the records: `json-records:Records`, in archives `zip > s3-lines/2`."""
        assert reader.read is not None  # noqa: S101 - `compile_chain` puts a reader first
        self._read = Limited.bind(reader.read, limits)
        self._record_bytes = limits.bytes
        self._parameter = parameter
        self._reader, self._parsers, self._limits = reader, bind(parsers, limits), limits
        self._remembers = any(isinstance(parse, PerObject) for _, parse in self._parsers)
        self._contains = Contains(contains, limits) if contains else None
        self._fitting = fitting
        self._archives = tuple(archives)
        self._inline = inline
        self.zone: Zone | None = None
        """The zone of times that name none; None is UTC."""

    @cached_property
    def loop(self) -> Loop:
        """The loop, written and compiled when it is first needed."""
        return write_loop(
            ", ".join(self.names),
            self._reader,
            self._parsers,
            self._limits,
            inline=self._inline and not self._leaves_memory(),
            kinds=self._fitting.kinds if self._fitting else None,
            direct=self._direct.body if self._direct else None,
            filters=self._contains is not None,
        )

    def _leaves_memory(self) -> bool:
        """Whether a loop might leave records to functions with parsers in them that remember something of an object.

        These functions stand for all objects. Such a parser may stand first, or behind what is never left to them.
        """
        remembers = [number for number, (_, parse) in enumerate(self._parsers) if isinstance(parse, PerObject)]
        before = self._parsers[: max(remembers, default=0)]
        return not all(isinstance(format_, Declaration) and not format_.refine for format_, _ in before)

    @cached_property
    def parse(self) -> Callable[[MetaData, Any], Any]:
        """The parsers as one function of meta and record, such as the loop has them."""
        return compose(self._reader.gives, self._parsers, self._limits)

    def _begin(self) -> Begun:
        """Return the parsers for a further object: those that remember something of one begin anew."""
        if not self._remembers:
            return Begun(self._rest, self.parse)
        begun = [(format_, PerObject.begin(parse)) for format_, parse in self._parsers]
        every = compose(self._reader.gives, begun, self._limits)
        if self._fitting is not None:
            every = fitted(partial(unusual, parse=every), self._fitting.fit)
        if not self.loop.inlined:
            return Begun(every, every)
        rest = compose("event", begun, self._limits, self.loop.inlined)
        return Begun(rest, every, tuple(getattr(parse, "remembered", ()) for _, parse in begun))

    @cached_property
    def _direct(self) -> Direct | None:
        """The parser that decodes texts straight to the class of the handler, if there is one for the chain."""
        if self._fitting is None or self._remembers:
            return None
        from slips.parsing.direct import Direct

        return self._rest if isinstance(self._rest, Direct) else None

    @cached_property
    def _rest(self) -> Callable[[MetaData, Any], Any]:
        if self._fitting is not None:
            from slips.parsing.direct import parse_typed

            return parse_typed(self._fitting, self._reader, self._parsers, self._limits, self.parse)
        inlined = self.loop.inlined
        return compose("event" if inlined else self._reader.gives, self._parsers, self._limits, inlined)

    def records(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the records of an object that is no archive. Raises ReaderError."""
        yield from self._cut(stream)

    def originals(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the records as `records` does, each by its own bytes, as quarantines show it. Raises ReaderError."""
        cut = self._cut(stream)
        for record in cut:
            yield original(cut, record, None)

    def _cut(self, stream: BufferedReader) -> Iterable[Record]:
        """Return the records of an object, which know more of themselves if they are TextRecords."""
        return self._read(stream, self._record_bytes, self._parameter)

    def _wanted(self, cut: Iterable[Record], show: Show | None, *, is_whole: bool) -> Iterable[Record]:
        """Yield the records of an object, in place of those without a text of the mapping's `contains` their rule."""
        if self._contains is None:
            return cut
        if not isinstance(cut, TextRecords):
            return self._contains.filter(cut, lambda _event: None, show)
        if show is None:
            cut.wanted = self._contains.has_text
            cut.finds = self._contains.finds if is_whole else None
        return self._contains.filter(cut, cut.raw_of, show)

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
        open_part: OpenPart | None = None,
    ) -> int | None:
        """Call `recv` with the events of every record of `stream`, and add the counts to `outcome`.

        Returns None, or the number of the last record if `ticker` stopped the loop. Raises HandlerError from any
        exception of `recv`, and ReaderError from any exception of the reader that is no ObjectError. `open_part`
        decompresses the members of an archive.
        """
        calls = _Calls(outcome, recv, reject, skip, is_test)
        if not self._archives:
            return self._run_part(calls, stream, source, None, ticker)
        from slips.parsing.members import MemberRun, decode_part, members_of  # few chains need it

        open_part = open_part or decode_part
        if not stream.peek(1):
            return None
        members = members_of(self._archives, stream, source.url, open_part)
        return MemberRun(partial(self._run_part, calls), outcome, source, ticker, open_part).run(members)

    def _run_part(
        self,
        calls: _Calls,
        part: BufferedReader | Iterable[Record],
        source: ObjectEvent,
        numbers: Numbers | None,
        ticker: Ticker,
    ) -> int | None:
        """Run an object, or a member of an archive: its stream, or its records if there is none.

        The records of a member have the numbers behind those of the members before it.
        """
        try:
            return self._run_records(calls, part, source, numbers, ticker)
        except BinaryError as error:
            count = len(self._archives)
            raise error.with_chain(self.names[:count], self.names[count:]) from None
        finally:
            release_memory()

    def _run_records(
        self,
        calls: _Calls,
        part: BufferedReader | Iterable[Record],
        source: ObjectEvent,
        numbers: Numbers | None,
        ticker: Ticker,
    ) -> int | None:
        before = numbers.last if numbers is not None else 0
        cut = self._cut(part) if isinstance(part, BufferedReader) else part
        loop, parsers = self.loop, self._begin()
        if self._direct is not None:
            from slips.parsing.direct import read_directly

            rest, runs = read_directly(self._direct, cut, is_whole=source.records is None)
            parsers = parsers._replace(rest=rest, runs=runs)
        if isinstance(cut, TextRecords):
            cut.gives_texts = loop.takes_texts and source.records is None and self._contains is None
        show = partial(_show, parsers.every, source) if self._remembers else None
        wanted = self._wanted(cut, show, is_whole=source.records is None)
        records: Iterator[tuple[int, Record]] = (
            enumerate(wanted, before + 1) if self._contains is None else numbered(wanted, before)
        )
        if numbers is not None:
            records = numbers.follow(records)
        if source.records is not None:
            records = select(records, source.records, ticker, show)
            # A copy: handlers may change the list that they get, and `select` still reads its own.
            source = msgspec.structs.replace(source, records=list(source.records))

        def reject_original(seq: int, record: Record, error: Exception) -> None:
            calls.reject(seq, partial(original, cut, record, source.member), error)

        member = f"member {source.member!r}: " if source.member else ""
        where = f"{source.url}: {member}reader {self.reader!r}"
        recv, skip, is_test = calls.recv, calls.skip, calls.is_test
        with in_zone(self.zone):
            return loop.run(
                records, where, parsers, calls.outcome, source, recv, reject_original, ticker, skip, is_test
            )


class _Calls(NamedTuple):
    """The functions that a run calls, and where it counts."""

    outcome: Outcome
    recv: Recv
    reject: Reject
    skip: bool
    is_test: bool


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
