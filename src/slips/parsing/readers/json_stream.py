"""A position in a stream of JSON text, which moves forward over values of any size in flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

from slips.errors import ObjectError, ReaderError, RecordError, RecordTooLarge
from slips.format import RecordLimits, TooLong
from slips.parsing.json_strict import is_strict
from slips.parsing.json_text import load_json
from slips.parsing.readers.json_skip import STRING, skip, skip_brackets
from slips.parsing.readers.lines import HEAD

BLOCK = 1 << 15
"""Bytes read and decoded at a time. 16 and 64 KB are as fast on CloudTrail; events of 128 KB overflow the CPU cache."""
BOM = b"\xef\xbb\xbf"

_NULS = re.compile(rb"\0*+")
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)*+")
_BLANKS = re.compile(rb"[ \t\n\r]*+")
_PLACE = re.compile(r" \((?:after record \d+,|at) byte [\d,]+\)$")
_FLAT = re.compile(rb'[{\[](?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[\]}]', re.DOTALL)
"""An object or array, JSON or not, with nothing nested."""
_SHORT = 1 << 9
"""Bytes of a value that is consumed in one step if it is flat."""
_SCALAR = re.compile(rb'[^\[\]{}",: \t\n\r]*+')


class Blocks(Protocol):
    """A stream that is read block by block."""

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, about `size`; none at the end."""
        ...


class JsonText:
    """A position in a stream of JSON text. The position only moves forward; one or two blocks are in memory."""

    def __init__(self, stream: Blocks, limits: RecordLimits, block: int) -> None:
        self._stream, self._limits, self._block = stream, limits, block
        self._data, self._at = b"", 0
        self._dropped = 0
        """Bytes of the stream before `_data`."""
        self._error: ObjectError | None = None
        """The error that the stream raised: raised again when all data before the error is consumed."""
        self._unfinished = (0, b"")
        """Size and first bytes of the value within which the stream has ended."""
        self.records = 0  # yielded so far, for error texts

    def find_document(self) -> bool:
        """Move to the next document. Return False at the end of the stream."""
        while self._peek() == BOM[:1]:
            begin, self._at = self._at, skip(_MARKS, self._data, self._at)
            if self._at == begin:  # a mark that two blocks share, or none
                for byte in BOM:
                    self._take(bytes([byte]))
        return self._peek() != b""

    def skip_padding(self) -> bool:
        """Consume NUL bytes between documents, of which there may be gigabytes. Return whether there are any."""
        if self._peek() != b"\0":
            return False
        while self._peek() == b"\0":
            self._at = skip(_NULS, self._data, self._at)
        return True

    def expect_end(self) -> None:
        """Raise ReaderError if the stream has more text."""
        if self._peek():
            raise self._unexpected("the end")

    def _keys(self) -> Iterator[str]:
        """Yield the keys of an object. The caller must consume the value of each key before it asks for the next."""
        self._take(b"{")
        if self._peek() == b"}":
            self._take(b"}")
            return
        separator = b","
        while separator == b",":
            if self._peek() != b'"':
                raise self._unexpected("a key")
            raw = self._value(HEAD)
            self._take(b":")
            yield "…" if isinstance(raw, TooLong) else str(self._decode(raw))
            separator = self._take(b",}")

    def _skip_value(self) -> None:
        """Consume a value of any size. If the value fits in a block, raise ReaderError if it is not JSON."""
        raw = self._value(self._block)
        if isinstance(raw, bytes):
            with suppress(RecordError):
                self._decode(raw)

    def _decode(self, raw: bytes) -> Any:
        """Decode a value.

        Raises ReaderError if `raw` is not JSON, RecordError if Python cannot hold the value or it exceeds the limits.
        """
        try:
            return load_json(raw, self._limits)
        except RecordTooLarge:
            raise
        except RecordError as error:
            if is_strict(raw):  # a number of more digits than Python converts
                raise
            raise self._refusal(str(error)) from None

    def _value(self, limit: int) -> bytes | TooLong:
        """Consume a value of any kind and size, with at most `limit` bytes of it in memory."""
        first = self._peek()
        if first in (b"{", b"[") and limit >= _SHORT and (flat := _FLAT.match(self._data, self._at, self._at + _SHORT)):
            self._at = flat.end()
            return flat.group()
        scalar, in_string, done = first not in (b"{", b"[", b'"'), first == b'"', False
        kept, size, depth = bytearray(), 0, int(first in (b"{", b"["))
        at = self._at + (not scalar)
        while True:
            data = self._data
            if scalar:
                at = skip(_SCALAR, data, at)
                done = at < len(data)
            elif in_string:
                at = skip(STRING, data, at)
                if data[at : at + 1] == b'"':
                    at += 1
                    in_string, done = False, depth == 0
            if not scalar and not in_string and not done:
                at, depth, in_string = skip_brackets(data, at, depth)
                done = depth == 0
            piece = data[self._at : at]
            size += len(piece)
            kept += piece[: limit + 1 - len(kept)]
            self._at = at
            if done:
                return bytes(kept) if size <= limit else TooLong(size, limit, bytes(kept[:HEAD]))
            if not self._fill():
                self._at = len(self._data)  # behind a backslash that ends the data
                self._unfinished = (size, bytes(kept[: min(limit, HEAD)]))
                raise self._error or self._unexpected("the rest of a value")
            at = 0

    def _take(self, expected: bytes) -> bytes:
        """Consume the next byte that is not blank. Raises ReaderError if it is none of `expected`."""
        byte = self._peek()
        if not byte or byte not in expected:
            raise self._unexpected(" or ".join(repr(chr(each)) for each in expected))
        self._at += 1
        return byte

    def _peek(self) -> bytes:
        """Move to the next byte that is not blank and return it; `b""` at the end of the stream."""
        byte = self._data[self._at : self._at + 1]
        if byte > b" ":  # the usual case, without a search
            return byte
        while True:
            self._at = skip(_BLANKS, self._data, self._at)
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._fill():
                if self._error:
                    raise self._error
                return b""

    def _blanks(self, limit: int) -> tuple[int, bytes]:
        """Consume the blanks at the position. Return how many bytes they are, and at most `limit` of them."""
        size, kept = 0, b""
        while True:
            end = skip(_BLANKS, self._data, self._at)
            size += end - self._at
            kept += self._data[self._at : min(end, self._at + limit - len(kept))]
            self._at = end
            if end < len(self._data) or not self._fill():
                return size, kept

    def _fill(self, size: int = 0) -> bool:
        """Add a block, or `size` bytes, to the data that is not consumed. Return False at the end of the stream."""
        block = self._next_block(size or self._block)
        self._add(block)
        return block != b""

    def _next_block(self, size: int) -> bytes:
        """Return at least the next `size` bytes of the stream, fewer only at its end or before an error."""
        parts, missing = [], size
        try:
            while missing > 0 and not self._error and (part := self._stream.read1(missing)):
                parts.append(part)
                missing -= len(part)
        except ObjectError as error:
            self._error = error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _add(self, block: bytes) -> None:
        """Add a block to the data that is not consumed."""
        self._dropped += self._at
        self._data, self._at = self._data[self._at :] + block, 0

    def _unexpected(self, expected: str) -> ReaderError:
        byte = self._data[self._at : self._at + 1]
        problem = f"found {byte.decode('latin-1')!r}" if byte else "it ends"
        return self._refusal(f"not JSON: {problem}; expected {expected}")

    def _refusal(self, text: str) -> ReaderError:
        at = self._dropped + self._at
        if self.records:
            return ReaderError(f"{text} (after record {self.records}, byte {at:,})")
        return ReaderError(f"{text} (at byte {at:,})" if at else text)


def without_place(error: ReaderError) -> str:
    """Return the text of an error without the place in the object."""
    return _PLACE.sub("", str(error))
