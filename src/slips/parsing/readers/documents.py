"""Reads JSON documents, each of which is a record: one a line, one behind another, over several lines, or in an array.

An object is read line by line unless its first line holds the beginning of a document that ends on a later one. A line
may hold several documents, whatever its length. Of an array, each element is a record. A broken document is one bad
record, up to the end of its line or, where documents are no lines, up to the next line that begins as a document does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from io import BufferedReader, BytesIO
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from slips.errors import ReaderError, RecordError
from slips.format import Bad, Event, Format, Limited, MeaningOptions, Read, Record, RecordLimits, TooLong, reader
from slips.parsing.contains import BLOCK as LINES_AT_ONCE
from slips.parsing.contains import CONTAINS_RULE, Skipped, skim
from slips.parsing.json_text import (
    MORE_LEVELS,
    beginning,
    has_too_many_values,
    is_deeper,
    is_json,
    load_json,
    shallow_decoder,
)
from slips.parsing.readers.json_stream import BLOCK, JsonText
from slips.parsing.readers.lines import HEAD, behind_padding
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords, look

LINES = "json-lines"
"""The name of the reader of `json_lines`."""
LINE = 1 << 20
"""Bytes of a line that are read at once. A longer one is read document by document."""
LOOK = 1 << 20
"""Bytes in which a document that the first line begins must end, or be sound so far. A constant, as it decides how
records are numbered."""
WINDOW = 1 << 10
"""Bytes in which the end of a document is looked for at first."""
_MARGIN = 16
"""Characters at the end of a text that may be a part of a value, such as `-Infinit`, if the text is cut off."""

_decode_first = JSONDecoder().raw_decode
_BLANKS = re.compile(r"[ \t\n\r]*+")
_several = re.compile(rb"\}[ \t\r]*+[{\[]").search
_more = re.compile(r"[ \t\r]*+[^\s{\[]").match
"""Whether more text follows on the line, which begins no document."""
_NEXT = re.compile(rb"\n(?=[{\[])")
_BOM = b"\xef\xbb\xbf"
_KINDS = (b"{", b"[")
_NO_VALUES = (b"]", b"}", b",", b":")
"""Bytes of JSON with which no value begins."""
_BEGIN = frozenset(b"{")


@reader(
    "json-documents",
    summary="each JSON document is a record, on any number of lines; each element of an array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    gives="event",
    rules=(PADDING, EMPTY),
    options=MeaningOptions,
    replaces=("s3-text",),
)
@Limited
def json_documents(limits: RecordLimits) -> Read:
    """Yield the documents of an object in flat memory. It takes the place of `[s3-text, json]`, too.

    An empty array is a record, EMPTY. A document that is no JSON object, or exceeds the limits, is a `Bad` record.
    """
    return lambda stream, _record_bytes, _parameter: DocumentRecords(stream, limits)


@lru_cache
def json_lines() -> Format:
    """Return the reader that takes the place of `[s3-lines, json]`. It is no entry of the catalogue.

    It decodes a line once, as that alone tells whether the line is one document.
    """
    read: Limited[Read] = Limited(lambda limits: lambda stream, _bytes, _parameter: LineDocumentRecords(stream, limits))
    declared = reader(
        LINES,
        summary="each line is a JSON document",
        reference="https://jsonlines.org/",
        gives="event",
        replaces=("s3-lines", "s3-lines/2"),
    )
    return declared(read)


class DocumentRecords(TextRecords):
    """The documents of an object."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits) -> None:
        super().__init__(stream)
        self._limits = limits
        self._text: DocumentText | None = None

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        self._text = text = DocumentText(stream, self._limits, BLOCK)
        return text.records_of(text.documents())

    def raw_of(self, event: Event) -> bytes | None:
        return self._text.raw_of(event) if self._text else None


class LineDocumentRecords(DocumentRecords):
    """The documents of an object whose lines are documents, as a rule."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits) -> None:
        super().__init__(stream, limits)
        self._decode = shallow_decoder(limits.depth)
        self._size = min(LINE, limits.bytes, 2 * limits.values)
        """Bytes so few that no document of them exceeds the limits, but for its depth."""
        self._line = b""
        """The line that holds the event yielded last, unless `_text` has it."""
        self.decodes = True
        """If not, a line is yielded as a text. Whoever cannot decode it to one event calls `first_of`."""
        self._first: Record = b""
        """The first record of the text yielded last, `_line`, if `first_of` was called with it."""
        self._others: Iterator[Record] = iter(())
        """The records behind that."""

    def raw_of(self, event: Event) -> bytes | None:
        return self._text.raw_of(event) if self._text else self._line

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        mode = _Mode()
        data, stream, is_all = look(stream, LOOK, mode)
        if mode.is_documents(data, is_all):
            yield from super().cut(stream)
            return
        decode, wanted, size, decodes = self._decode, self.wanted, self._size, self.decodes
        lines: Iterator[Any] = iter(partial(stream.readline, size), b"")
        if self.finds and size > LINES_AT_ONCE:
            lines = skim(stream, [*self.finds, _find_several], _BEGIN, size)
        for line in lines:
            if wanted:
                if line.__class__ is Skipped:
                    yield line
                    continue
                if not wanted(line) and line > b"!" and _is_one(line) and len(line) < size:
                    yield CONTAINS_RULE
                    continue
            if not decodes and line > b"!" and len(line) < size and (not wanted or _is_one(line)):
                self._line, self._first = line, b""
                yield line
                if self._first:
                    yield from self._others
                continue
            try:
                event = decode(line)
            except (ValueError, msgspec.MsgspecError):
                event = None
            if event.__class__ is dict:
                self._line = line
                yield event
            else:
                yield from self.odd(stream, line)
                decode = self._decode

    def first_of(self, line: bytes) -> Record:
        """Return the first record of a line that was yielded as a text. The others are yielded next."""
        self._others = self.odd(BufferedReader(BytesIO()), line)
        self._first = next(self._others)
        return self._first

    def original(self, record: Record) -> Record:
        return super().original(self._first if self._first and record is self._line else record)

    def odd(self, stream: BufferedReader, line: bytes) -> Iterator[Record]:
        """Yield the records of a line that the decoder did not make an event of. The line may go on in the stream."""
        if line.isspace():
            return
        if not line[0]:
            yield PADDING
            line = behind_padding(stream, line, self._size)
            if not line or line.isspace():
                return
        is_whole = line.endswith(b"\n") or len(line) < self._size
        if is_whole:
            try:
                value = load_json(line, self._limits)
            except RecordError as error:
                if _is_one(line.removeprefix(_BOM).lstrip()):
                    content = line.removesuffix(b"\n").removesuffix(b"\r")
                    yield Bad(len(content), content[:HEAD], error)
                    return
            else:
                if value.__class__ is dict:
                    # One deep document in a log announces more of them.
                    self._decode = shallow_decoder(self._limits.depth, MORE_LEVELS)
                    self._line = line
                    yield value
                    return
        self._text = text = DocumentText(BytesIO(line) if is_whole else _Line(stream, line), self._limits, BLOCK)
        yield from text.records_of(text.documents())
        self._text = None


def _find_several(data: bytes, at: int) -> int:
    found = _several(data, at)
    return found.start() if found else -1


def _is_one(line: bytes) -> bool:
    """Whether a line is one record, whole or broken: no array, and no line with several documents."""
    return not line.startswith((b"[", _BOM)) and not _several(line)


class _Line:
    """The rest of a line that begins with `line`, as a stream of its own."""

    def __init__(self, stream: BufferedReader, line: bytes) -> None:
        self._stream, self._piece = stream, line
        self._has_ended = False

    def read1(self, size: int, /) -> bytes:
        piece, self._piece = self._piece[:size], self._piece[size:]
        if not piece and not self._has_ended:
            piece = self._stream.readline(size)
        self._has_ended |= not self._piece and piece.endswith(b"\n")
        return piece


class DocumentText(JsonText):
    """A position in a stream of JSON documents."""

    def records_of(self, runs: Iterator[Sequence[Record]]) -> Iterator[Record]:
        """Yield the records of runs, for which `raw_of` then has the texts."""
        for run in runs:
            self.set_run(run)
            yield from run

    def documents(self) -> Iterator[Sequence[Record]]:
        """Yield the records of the documents, in runs."""
        while first := self._peek():
            if first == _BOM[:1] and not self._want(len(_BOM)) and self._data.startswith(_BOM, self._at):
                self._at += len(_BOM)
            elif self.skip_padding():
                yield [PADDING]
            elif first == b"[":
                yield from self._array()
            else:
                yield [self._document()]

    def _array(self) -> Iterator[Sequence[Record]]:
        """Consume an array, and yield its elements."""
        is_empty = True
        try:
            for run in self._elements():
                is_empty = False
                yield run
        except ReaderError as error:
            if error is self._error:
                raise
            bad = self._broken(_reason(error))
            yield [bad if bad.size or not is_empty else Bad(1, b"[", bad.reason)]
            return
        if is_empty:
            yield [EMPTY]

    def _document(self) -> Record:
        """Consume a document that is no array, whole or broken."""
        window, limits = WINDOW, self._limits
        while True:
            is_end = self._want(window)
            raw = self._data[self._at : self._at + window]
            if window > WINDOW and self._has_too_many_values(raw):  # sound so far, and a bracket or a value first
                return self._large()
            text = raw.decode("utf-8", "surrogateescape")
            try:
                value, end = _decode_first(text)
            except RecursionError:
                return self._large()
            except JSONDecodeError as error:
                is_cut = error.pos >= len(text.rstrip()) - _MARGIN or error.msg.startswith("Unterminated string")
                if is_end and is_cut and self._error:
                    self._at = len(self._data)
                    raise self._error from None  # what the damage has cut off is no record
                if is_end or not is_cut:
                    return self._broken("")
            except ValueError:  # a number of more digits than Python converts
                return self._large()
            else:
                if end < len(text) or is_end or isinstance(value, dict):
                    if not isinstance(value, dict) and _more(text, end):
                        return self._broken("")  # one record, not one for each digit of a long line
                    return self._whole(value, raw[: len(text[:end].encode("utf-8", "surrogateescape"))])
            if window >= limits.bytes:
                return self._large()
            window = min(4 * window, limits.bytes)

    def _whole(self, value: object, raw: bytes) -> Record:
        """Consume a document whose text is `raw`."""
        self._at += len(raw)
        if len(raw) > self._limits.bytes:
            return TooLong(len(raw), self._limits.bytes, raw[:HEAD])
        self._keep(raw)
        # A text of more than half the bytes may be too wide.
        if isinstance(value, dict) and len(raw) <= self._limits.bytes // 2 and not self._has_too_many_values(raw):
            most = self._limits.depth
            if raw.count(b"{") + raw.count(b"[") <= most or not is_deeper(value, most):
                return value
        return self._bad(raw)

    def _has_too_many_values(self, raw: bytes) -> bool:
        return len(raw) > self._longest_run and has_too_many_values(raw, self._limits.values)

    def _large(self) -> Record:
        """Consume a document that is too large to decode at once, and sound so far as anyone looked."""
        if self._peek() in _NO_VALUES:  # with more blanks behind it than anyone looked at
            return self._broken("")
        head, start = self._data[self._at : self._at + HEAD], self._dropped + self._at
        try:
            raw = self._value(self._limits.bytes)
        except ReaderError as error:
            if error is self._error:
                raise
            return Bad(self._dropped + self._at - start, head, _reason(error))
        if isinstance(raw, TooLong):
            return raw
        self._keep(raw)
        return self._bad(raw)

    def _bad(self, raw: bytes) -> Record:
        """Return the record of a whole document, which is bad unless `load_json` knows how to read it."""
        try:
            value = load_json(raw, self._limits)
        except RecordError as error:
            return Bad(len(raw), raw[:HEAD], error)
        if isinstance(value, dict):
            return value
        return Bad(len(raw), raw[:HEAD], f"JSON {type(value).__name__} {beginning(raw)}; expected an object")

    def _broken(self, reason: str) -> Bad:
        """Consume up to the next line that begins as a document does. Without `reason`, the decoder gives it."""
        size, kept = self._unfinished[0], bytearray(self._unfinished[1])
        self._unfinished = (0, b"")
        while True:
            found = _NEXT.search(self._data, self._at)
            # The line end that ends the data may have such a line behind it.
            end = found.end() if found else len(self._data) - self._data.endswith(b"\n")
            kept += self._data[self._at : min(end, self._at + self._limits.bytes - len(kept))]
            size += end - self._at
            self._at = end
            if found:
                break
            if not self._fill():
                size += len(self._data) - self._at
                kept += self._data[self._at :]
                self._at = len(self._data)
                if self._error:
                    raise self._error
                break
        raw = bytes(kept).removesuffix(b"\n").removesuffix(b"\r")
        size -= len(kept) - len(raw)
        if not reason:
            try:
                load_json(raw, self._limits)
            except RecordError as error:
                return Bad(size, raw[:HEAD], error)
        return Bad(size, raw[:HEAD], reason or "not JSON")

    def _want(self, size: int) -> bool:
        """Have at least `size` bytes that are not consumed. Return whether the stream ends, or raises, before."""
        while len(self._data) - self._at < size:
            if not self._fill(max(self._block, size - len(self._data) + self._at)):
                return len(self._data) - self._at < size
        return False


def _reason(error: ReaderError) -> str:
    """Return an error text without the place in the object, which a quarantine tells by itself."""
    return str(error).partition(" (after record")[0]


class _Mode:
    """Finds out from the beginning of an object whether its documents are its lines. Called with ever more of it."""

    def __init__(self) -> None:
        self._found: bool | None = None
        self._look_again = 1

    def __call__(self, data: bytes) -> bool:
        """Whether these bytes are enough to know it."""
        if len(data) >= self._look_again:
            self._found = _spans_lines(data, is_end=False)
            self._look_again = 2 * len(data)
        return self._found is not None

    def is_documents(self, data: bytes, is_all: bool) -> bool:
        """Whether a document that the first line begins ends on a later one, or does not end as far as is known."""
        if self._found is None:
            self._found = _spans_lines(data, is_end=is_all)
        return self._found is not False


def _spans_lines(data: bytes, *, is_end: bool) -> bool | None:
    """Whether the first line begins a document that ends on a later one. None: more of the object is needed."""
    body = data.lstrip(b"\xef\xbb\xbf \t\r\n\0")
    unknown = False if is_end else None
    if not body:
        return unknown
    if body[:1] not in _KINDS:
        return False
    first = body[: body.find(b"\n") + 1]
    if not first:
        return unknown if len(data) < LOOK else False
    try:
        if is_json(first):
            return False
    except RecursionError:  # a line of its own, deeper than any that is taken
        return False
    # Whole lines, as a text that is cut off elsewhere may look broken.
    lines = body if is_end else body[: body.rfind(b"\n") + 1]
    text = lines.decode("utf-8", "surrogateescape")
    line_end = len(first.decode("utf-8", "surrogateescape"))
    at = 0
    while at < line_end:
        try:
            at = _decode_first(text, at)[1]
        except JSONDecodeError as error:
            return unknown if error.pos >= len(text.rstrip()) else False
        except (RecursionError, ValueError):
            return False
        if at > line_end:
            return True
        blanks = _BLANKS.match(text, at)
        at = blanks.end() if blanks else at
    return False
