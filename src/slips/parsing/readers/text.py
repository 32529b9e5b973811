"""Opens the bytes of an object as text: UTF-8 without a byte order mark, whose lines end with a line feed.

An object is looked at once, at its first bytes, before its first line. The stream of an object of plain UTF-8 lines, as
almost all are, comes back as it is: nothing is done for a line. All other streams are converted block by block, and
`own` converts a record back to the bytes that the object has.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import TYPE_CHECKING

from slips.errors import ObjectError, ReaderError
from slips.format import Bad, Event, Record, Rule
from slips.parsing.readers.binary import BYTES, refuse_binary

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from slips.parsing.contains import Finds

LINE = 1 << 16
"""Bytes in which the first line end is looked for: an object whose first line is longer has lines that end with a line
feed. A constant, since it decides how records are numbered."""
BUFFER = 1 << 17
"""Bytes in the buffer of a converted stream."""

PADDING = Rule("nul-padding", "NUL bytes before a record or at the end, as sparse or preallocated files have them")
EMPTY = Rule("no-records", "objects without records that are not blank: a header without rows, an empty array")

_MARKS = (
    (codecs.BOM_UTF8, ""),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

Own = Callable[[bytes], bytes]
"""Converts a part of the text back to the bytes of the object."""


class Text:
    """The text of an object: `stream` has it in UTF-8. Raises ReaderError if the object is no text."""

    def __init__(self, stream: BufferedReader) -> None:
        self.own: Own | None = None
        """None if the bytes of `stream` are those of the object."""
        beginning, stream, _ = look(stream, LINE, _is_enough)
        for mark, encoding in _MARKS:
            if beginning.startswith(mark):
                stream.read(len(mark))
                if encoding:
                    stream = BufferedReader(_Decoding(stream, encoding), BUFFER)
                    self.own = _encoder(encoding)
                beginning, stream, _ = look(stream, LINE, _is_enough)
                break
        else:
            refuse_binary(beginning[:BYTES])
        if b"\n" not in beginning and b"\r" in beginning[:-1]:
            stream = BufferedReader(_Returns(stream), BUFFER)
            own = self.own
            self.own = _with_returns if own is None else lambda text: own(_with_returns(text))
        self.stream = stream


class TextRecords:
    """The records that a reader cuts out of the text of an object, in order. A subclass yields them in `cut`."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._own: Own | None = None
        self.wanted: Callable[[bytes], bool] | None = None
        """Whether a text has what the mapping's `contains` wants. A reader that decodes asks before, to save the time,
        and yields CONTAINS_RULE for an unwanted record."""
        self.finds: Finds | None = None
        """If there is one, a reader of lines may yield Skipped for records in which it finds nothing."""
        self.gives_texts = False
        """Whether a reader of lines may yield them as texts without their line ends, too."""

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the records of a text in UTF-8."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Record]:
        text = Text(self._stream)
        self._own = text.own
        return self.cut(text.stream)

    def raw_of(self, event: Event) -> bytes | None:
        """Return the text of an event that was yielded last, or in one run with the last; None if it has none."""
        return None

    def original(self, record: Record) -> Record:
        """Return a record, the last or in one run with it, as a quarantine shows it: by the bytes of the object."""
        if isinstance(record, Rule):
            return record
        if isinstance(record, Bad):
            return record if self._own is None else record.shown_as(self._own(record.head))
        if isinstance(record, str):
            record = record.encode()
        raw = record if isinstance(record, bytes) else self.raw_of(record)
        if raw is None:
            return record
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        own = raw if self._own is None else self._own(raw)
        return Bad(len(own), own, "")


def original(records: object, record: Record, member: str | None = None) -> Record:
    """Return a record as a quarantine shows it, if `records`, what a reader returned, knows the bytes of the object.

    It names the member of the archive that it is of.
    """
    shown = records.original(record) if isinstance(records, TextRecords) else record
    if member is None:
        return shown
    if isinstance(shown, bytes):
        shown = Bad(len(shown), shown, "")
    if isinstance(shown, Bad):
        shown.member = member
    return shown


def look(
    stream: BufferedReader, size: int, is_enough: Callable[[bytes], bool] = lambda _: False
) -> tuple[bytes, BufferedReader, bool]:
    """Return the first `size` bytes of a stream, a stream that still has them, and whether they are all that it has.

    They are fewer if the stream ends or raises before, or if they are enough. It is the same stream if its buffer has
    them.
    """
    data = stream.peek(1)[:size]
    if len(data) == size or is_enough(data):
        return data, stream, False
    read, error, part = bytearray(), None, b""
    try:
        while len(read) < size and (part := stream.read1(BUFFER)):
            read += part
            if is_enough(bytes(read)):
                break
    except ObjectError as raised:
        error = raised
    data = bytes(read)
    return data[:size], BufferedReader(_Again(data, stream, error), BUFFER), not part and error is None


def _is_enough(data: bytes) -> bool:
    return len(data) >= BYTES and b"\n" in data


class _Raw(io.RawIOBase):
    """A raw stream that gives pieces of bytes."""

    def __init__(self) -> None:
        self._piece, self._at = b"", 0

    def _next(self) -> bytes:
        """Return the next piece; none at the end."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer)
        if self._at == len(self._piece):
            self._piece, self._at = self._next(), 0
        data = self._piece[self._at : self._at + len(target)]
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


class _Again(_Raw):
    """Bytes that were read ahead, then the rest of their stream, or the error that it raised."""

    def __init__(self, data: bytes, stream: BufferedReader, error: ObjectError | None) -> None:
        super().__init__()
        self._piece, self._stream, self._error = data, stream, error

    def _next(self) -> bytes:
        if self._error is not None:
            raise self._error
        return self._stream.read1(BUFFER)


class _Returns(_Raw):
    """A stream with line feeds in place of its carriage returns."""

    def __init__(self, stream: BufferedReader) -> None:
        super().__init__()
        self._stream = stream

    def _next(self) -> bytes:
        return self._stream.read1(BUFFER).replace(b"\r", b"\n")


class _Decoding(_Raw):
    """A stream of UTF-16 or UTF-32 as UTF-8. Lone surrogates stay what they are.

    Raises ReaderError, behind all characters before it, for what is no character, such as half a character at the end.
    """

    def __init__(self, stream: BufferedReader, encoding: str) -> None:
        super().__init__()
        self._stream, self._encoding = stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._read = 0
        self._error: ReaderError | None = None

    def _next(self) -> bytes:
        text = ""
        while not text:
            if self._error is not None:
                raise self._error
            data = self._stream.read1(BUFFER)
            held = self._decoder.getstate()[0]
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                text = error.object[: error.start].decode(self._encoding, "surrogatepass")
                at = self._read - len(held) + error.start
                self._error = ReaderError(
                    f"not {self._encoding[:6].upper()}: {error.reason} at byte {at:,} behind the byte order mark; "
                    "expected characters to the end; the object may be cut off: deliver it again"
                )
            self._read += len(data)
            if not data and self._error is None:
                break
        return text.encode("utf-8", "surrogatepass")


def _encoder(encoding: str) -> Own:
    def encode(text: bytes) -> bytes:
        # A sample may end within a character: a decoder that waits for more leaves that out.
        return codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(text).encode(encoding, "surrogatepass")

    return encode


def _with_returns(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r")
