"""Reads JSON documents, each of which is a record: one a line, one behind another, over several lines, or in an array.

An object is read line by line unless its first line holds the beginning of a document that ends on a later one. A line
may hold several documents, whatever its length. Of an array, each element is a record. A broken document is one bad
record, up to the end of its line or, where documents are no lines, up to the next line that begins as a document does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BufferedReader
from json import JSONDecodeError, JSONDecoder

from slips.errors import ReaderError, RecordError
from slips.format import Bad, Event, Limited, MeaningOptions, Read, Record, RecordLimits, TooLong, reader
from slips.parsing.json_text import (
    beginning,
    has_too_many_values,
    is_deeper,
    load_json,
)
from slips.parsing.readers.json_stream import BLOCK, JsonText
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords

WINDOW = 1 << 10
"""Bytes in which the end of a document is looked for at first."""
_MARGIN = 16
"""Characters at the end of a text that may be a part of a value, such as `-Infinit`, if the text is cut off."""

decode_first = JSONDecoder().raw_decode
_more = re.compile(r"[ \t\r]*+[^\s{\[]").match
"""Whether more text follows on the line, which begins no document."""
_NEXT = re.compile(rb"\n(?=[{\[])")
BOM = b"\xef\xbb\xbf"
_NO_VALUES = (b"]", b"}", b",", b":")
"""Bytes of JSON with which no value begins."""


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
            if first == BOM[:1] and not self._want(len(BOM)) and self._data.startswith(BOM, self._at):
                self._at += len(BOM)
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
                value, end = decode_first(text)
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
