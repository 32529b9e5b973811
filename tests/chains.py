"""Records and whole objects through a chain of formats, without bucket, config or handler.

`slips.testing.run` does more: it runs a handler, and keeps of a quarantine what an error item would hold.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from slips.entities import KINDS
from slips.errors import SlipsError
from slips.format import Event, Format, Record, RecordLimits
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain, Ticker
from slips.step import Step, name_of, written

OBJECT = ObjectEvent(bucket_name="logs", object_key="sample", event_time="2018-12-31T23:59:30Z")
"""The object that records come from: it dates those that have no time or no year."""


@dataclass
class Seen:
    """The records and events that a chain made of an object."""

    events: list[tuple[MetaData, Event]] = field(default_factory=list)
    quarantined: list[tuple[int, str]] = field(default_factory=list)
    """Number and reason of each bad record."""
    outcome: Outcome = field(default_factory=Outcome)


def run(
    chain: Sequence[Step],
    content: bytes | io.RawIOBase,
    source: ObjectEvent = OBJECT,
    *,
    root: Path = Path(),
    limits: RecordLimits | None = None,
) -> Seen:
    """Reads an object of `content`. Files of formats are relative to `root`."""
    return run_chain(compiled(chain, root, limits or RecordLimits()), content, source)


def compiled(steps: Sequence[Step], root: Path, limits: RecordLimits) -> Chain:
    """A chain, which is made once if it has no file of the user's: that takes longer than to read most samples."""
    if any(".py:" in name_of(step) for step in steps):
        return compile_chain(steps, root, limits)
    known = (*map(written, steps), limits)
    if known not in _CHAINS:
        _CHAINS[known] = compile_chain(steps, root, limits)
    return _CHAINS[known]


_CHAINS: dict[tuple[object, ...], Chain] = {}


def run_chain(chain: Chain, content: bytes | io.RawIOBase, source: ObjectEvent = OBJECT) -> Seen:
    """Reads an object of `content` with a chain that may have read others before."""
    seen = Seen()
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content) if isinstance(content, bytes) else content)
    chain.run(
        stream,
        seen.outcome,
        source=source,
        recv=lambda meta, event: seen.events.append((meta, event)),
        reject=lambda seq, _record, error: seen.quarantined.append((seq, str(error))),
        ticker=Ticker(),
    )
    assert seen.outcome.balanced
    return seen


def parse(chain: Sequence[Step], content: bytes) -> tuple[MetaData, Event]:
    """Parses the one record of an object."""
    made, meta = compiled(chain, Path(), RecordLimits()), new_meta()
    (record,) = made.records(io.BufferedReader(io.BytesIO(content)))
    return meta, made.parse(meta, record)


def parse_by(format_: Format, record: object) -> tuple[MetaData, Any]:
    """Parses what one parser of a chain is given."""
    assert format_.parse is not None
    meta = new_meta()
    return meta, format_.parse(meta, record)


def new_meta() -> MetaData:
    """The meta of the first record of OBJECT, as the first parser is given it."""
    return MetaData("", OBJECT.timestamp, OBJECT, None, 1)


def entities_of(name: str, content: bytes, number: int) -> dict[str, list[str]]:
    """The entities of a record of an object, by kind, as a format names them."""
    (meta,) = [meta for meta, _ in run([name], content).events if meta.seq == number]
    return {kind: list(found) for kind in KINDS if (found := getattr(meta.entities, kind))}


class Pieces(io.RawIOBase):
    """A stream that gives what it has piece by piece, then ends, or raises `error` and goes on with something else."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None) -> None:
        self._pieces, self._error = iter(pieces), error
        self._piece = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._piece:
            try:
                self._piece = next(self._pieces)
            except StopIteration:
                if self._error:
                    error, self._error, self._pieces = self._error, None, repeat(b"?")
                    raise error from None
                return 0
        size = min(len(buffer), len(self._piece))
        buffer[:size], self._piece = self._piece[:size], self._piece[size:]
        return size


def until_error(records: Iterator[Record]) -> tuple[list[Record], SlipsError | None]:
    """Reads to the end or the first error. Returns the records, and the error or None."""
    given_: list[Record] = []
    try:
        for record in records:
            given_.append(record)
    except SlipsError as error:
        return given_, error
    return given_, None


def values_in(value: Any) -> int:
    """Fields and values within a value, counted the plain way."""
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + values_in(each) for each in within)
