"""Reads JSON documents with their records in an array, such as `{"Records": [{…}, {…}]}`: any length, flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader, BytesIO
from typing import Any

from slips.chunks import READ, LongReads
from slips.format import Event, Limited, MeaningOptions, Read, Record, RecordLimits, reader
from slips.parsing.json_text import load_json
from slips.parsing.readers.json_runs import JsonRuns
from slips.parsing.readers.json_stream import BLOCK
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords

STRUCTS = 2 * BLOCK
"""Bytes of a run of Structs, which are smaller than dicts."""


@reader(
    "json-records",
    summary="each element of an array in a JSON document is a record; the parameter is the path of the array",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    gives="event",
    parameter="Records",
    rules=(PADDING, EMPTY),
    options=MeaningOptions,
)
@Limited
def json_records(limits: RecordLimits) -> Read:
    """Yield the elements of the array at the path `parameter`: `Records`, `detail.items`, or `.`, the document itself.

    An object may hold several documents, one after the other. All else in a document is skipped. An element that is no
    JSON object, that Python cannot hold, or that exceeds the limits is a `Bad` record, and so is an element that is no
    JSON, if its brackets are in balance. An object whose arrays are all empty is one record, EMPTY. Raises ReaderError,
    after all elements before the error, if a document lacks the array, is not JSON, or ends too early.
    """

    def read(stream: BufferedReader, _record_bytes: int, parameter: str) -> TextRecords:
        return ElementRecords(stream, limits, parameter)

    return read


class ElementRecords(TextRecords):
    """The elements of the arrays at one path in the documents of an object."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits, path: str) -> None:
        super().__init__(stream)
        self._limits, self._path = limits, path
        self._text: JsonRuns | None = None
        self.decode_run: Callable[[bytes], Sequence[Any]] | None = None
        """See `JsonRuns`. An event that comes of it is no dict."""

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        block = BLOCK if self.decode_run is None else STRUCTS
        self._text = JsonRuns(_LongBlocks(stream), self._limits, block)
        self._text.decode_run = self.decode_run
        return self._text.elements(self._path)

    def raw_of(self, event: Event) -> bytes | None:
        return self._text.raw_of(event) if self._text else None

    def dict_of(self, event: Any) -> Any:
        """Return an event of `decode_run` as a dict. Raises RecordError."""
        return load_json(self.raw_of(event) or b"", self._limits)


class _LongBlocks:
    """The blocks of a stream, as long as they come from its decompressor."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stored = LongReads(stream, READ)

    def read1(self, _size: int, /) -> bytes:
        return self._stored.read()


def read_elements(stream: BufferedReader, limits: RecordLimits, path: str, block: int = BLOCK) -> Iterator[Record]:
    """Yield the records of `json_records` from UTF-8, reading `block` bytes at a time."""
    return JsonRuns(stream, limits, block).elements(path)


def elements_of(raw: bytes, limits: RecordLimits) -> Iterator[Record]:
    """Yield the elements of `raw`, which must be one JSON array. Raises ReaderError as `json_records` does."""
    text = JsonRuns(BytesIO(raw), limits, BLOCK)
    text.find_document()
    for run in text.runs([]):
        text.records += len(run)
        yield from run
    text.expect_end()
