"""Runs the members of an archive, one behind another: parts of one object, through whose records the numbers run on.

A broken member fails the object after the members behind it were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from typing import BinaryIO, Protocol

import msgspec

from slips.codec import CodecLimits, Decoded, decode
from slips.errors import DecompressionError, NoProgressError, ObjectError, ReaderError
from slips.format import ArchiveMember, Format, Record, Rule
from slips.model import ObjectEvent, Outcome, Range
from slips.parsing.readers.text import EMPTY
from slips.parsing.ticker import Ticker
from slips.printable import plural

NAMED = 5
"""Most broken members that an error names."""

OpenPart = Callable[[BinaryIO, str], Decoded]
"""`(stored bytes, where)` to the content of a part of an object, as `Decoded.part`."""


class RunPart(Protocol):
    """Runs the records of a part. Returns the number of the last one if `ticker` stopped the loop."""

    def __call__(
        self, part: BufferedReader | Iterable[Record], source: ObjectEvent, numbers: Numbers, ticker: Ticker, /
    ) -> int | None: ...


class Numbers:
    """The number of the record that was read last. Records of a further part have the numbers behind it."""

    last = 0

    def follow(self, numbered: Iterable[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
        """Yield numbered records, and keep their numbers."""
        for seq, record in numbered:
            self.last = seq
            yield seq, record


def decode_part(raw: BinaryIO, where: str) -> Decoded:
    """Decompress a part of an object whose own bytes nobody counts."""
    return decode(raw, CodecLimits(), where)


def members_of(
    archives: tuple[Format, ...], stream: BufferedReader, url: str, open_part: OpenPart, outer: str = ""
) -> Iterator[ArchiveMember]:
    """Yield the members of an archive, and of archives in it where further `archives` say so: `outer.zip/inner.log`."""
    archive, *inner = archives
    assert archive.members is not None  # noqa: S101 - `compile_chain` puts archives first
    for member in archive.members(stream):
        name = f"{outer}{member.name}"
        if not inner or isinstance(member.body, Rule | ReaderError):
            yield ArchiveMember(name, member.body)
            continue
        part = open_part(member.body, where_of(url, name)).stream
        try:
            yield from members_of(tuple(inner), part, url, open_part, f"{name}/" if name else "")
        except DecompressionError as error:
            yield ArchiveMember(name, ReaderError(str(error).removeprefix(f"{where_of(url, name)}: ")))
        except ReaderError as error:
            yield ArchiveMember(name, error)


def where_of(url: str, name: str) -> str:
    """Return the name of a member for people; of one without a name, that of the object."""
    return f"{url}: member {name!r}" if name else url


class MemberRun:
    """One run of the members of an object."""

    def __init__(
        self, run_part: RunPart, outcome: Outcome, source: ObjectEvent, ticker: Ticker, open_part: OpenPart
    ) -> None:
        self._run_part, self._outcome, self._source, self._open_part = run_part, outcome, source, open_part
        self._ticker = _WatchedTicker(ticker)
        self._numbers = Numbers()
        self._begun = outcome.records
        self._failure: ObjectError | None = None
        self._broken: list[str] = []
        self._count = 0
        """Broken members."""

    def run(self, members: Iterable[ArchiveMember]) -> int | None:
        """Run the members. Returns the number of the last record if the ticker stopped the run before the end.

        Raises the error of the first broken member at the end, and errors of the archive itself at once.
        """
        try:
            for member in members:
                if self._is_behind(self._source.records):
                    return None
                if self._ticker.has_stopped or self._is_stopped():
                    return self._numbers.last
                if (stopped := self._run_member(member)) is not None:
                    return stopped
        except (DecompressionError, ReaderError) as error:  # of the archive itself
            if self._failure is None:
                error.seq = self._numbers.last
                raise
        if self._failure is not None:
            raise self._failed(self._failure)
        if not self._numbers.last and not self._is_behind(self._source.records):
            # No member has a record: the bytes of the archive itself are explained by a rule.
            self._run_records([EMPTY], "")
        return None

    def _is_behind(self, ranges: list[Range] | None) -> bool:
        """Whether all wanted records are read."""
        return bool(ranges) and ranges is not None and ranges[-1][1] is not None and self._numbers.last >= ranges[-1][1]

    def _is_stopped(self) -> bool:
        """Whether the ticker stops the run between two members, of which many may have no record."""
        if not self._ticker.due:
            return False
        if self._outcome.records > self._begun:
            return self._ticker.tick(self._numbers.last)
        self._ticker.passed(self._numbers.last)
        return False

    def _run_member(self, member: ArchiveMember) -> int | None:
        body, name = member.body, member.name
        if isinstance(body, Rule):
            return self._run_records([body], name)
        try:
            if isinstance(body, ReaderError):
                raise body
            return self._run_records(self._open_part(body, where_of(self._source.url, name)).stream, name)
        except (DecompressionError, ReaderError) as error:
            error.seq = self._numbers.last  # the loop knows none before the first record of a member
            self._count += 1
            if self._failure is None:
                self._failure = error
            if self._count <= NAMED:
                self._broken.append(name)
            return None

    def _run_records(self, part: BufferedReader | Iterable[Record], name: str) -> int | None:
        outcome, numbers = self._outcome, self._numbers
        first, last = outcome.first_timestamp, outcome.last_timestamp
        try:
            return self._run_part(
                part, msgspec.structs.replace(self._source, member=name or None), numbers, self._ticker
            )
        except NoProgressError:
            if outcome.records == self._begun:
                raise
            return numbers.last  # records of the members before
        finally:
            outcome.first_timestamp = _of_both(min, first, outcome.first_timestamp)
            outcome.last_timestamp = _of_both(max, last, outcome.last_timestamp)

    def _failed(self, error: ObjectError) -> ObjectError:
        """Return the error of the first broken member, which names all of them."""
        where, url = where_of(self._source.url, self._broken[0]), self._source.url
        text = str(error).removeprefix(where).removeprefix(url).removeprefix(": ")
        if self._count > 1:
            others = ", ".join(map(repr, self._broken[1:])) + (", …" if self._count > NAMED else "")
            text += f" (broken, too: {plural(self._count - 1, 'other member')}: {others})"
        failed = type(error)(f"{where}: {text}")
        failed.seq = error.seq
        failed.__cause__ = error.__cause__
        return failed


class _WatchedTicker(Ticker):
    """A ticker that remembers whether it stopped the run: a loop that it stopped behind the last record of a member
    returns as if it had not."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self.position = ticker.position
        self.has_stopped = False

    @property
    def due(self) -> bool:  # type: ignore[override]  # of other tickers it is an attribute, set by a thread
        return self._ticker.due

    def tick(self, seq: int) -> bool:
        self.has_stopped = self._ticker.tick(seq)
        return self.has_stopped

    def passed(self, seq: int) -> None:
        self._ticker.passed(seq)


def _of_both(choose: Callable[[float, float], float], one: float | None, other: float | None) -> float | None:
    return choose(one, other) if one is not None and other is not None else one if other is None else other
