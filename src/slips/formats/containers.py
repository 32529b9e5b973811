"""JSON documents that hold their records in an array, such as `{"Records": [{…}, {…}]}`: any length, flat memory.

Finding where an element ends costs as much as decoding it. So the end of a whole run of elements is guessed, and the
decoder verifies the guess: what decodes once it stands between brackets is a list of whole elements, since JSON can be
read from left to right in one way only. Where guesses fail, elements are cut off one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedReader, BytesIO
from json import JSONDecoder
from typing import Any

import msgspec

from slips.errors import ObjectError, ReaderError, RecordError, RecordTooLarge
from slips.format import Bad, Event, Limited, Read, Record, RecordLimits, TooLong, reader
from slips.formats.json_text import is_deeper, is_json, load_json, shallow_run_decoder
from slips.formats.readers import HEAD

BLOCK = 1 << 15
"""Bytes read, and decoded, at a time. 16 and 64 KB are as fast on CloudTrail; the events of 128 KB leave the cache."""
GUESSES = 3
"""Tried before a block is taken for one that is read faster element by element."""
SCAN = 1 << 14
"""Bytes read element by element in one go."""
KEYS = 20
"""Most keys that an error names."""

_BOM = b"\xef\xbb\xbf"
_KINDS = {b"{": "an object", b"[": "an array", b'"': "a string", b"t": "true", b"f": "false", b"n": "null"}

_decode_run = msgspec.json.Decoder(list[Event]).decode
_decode_first = JSONDecoder().raw_decode
"""`(text, start)` to the value there and its end. It reads whatever `load_json` does, at a third of the speed."""

_BLANKS = re.compile(rb"[ \t\n\r]*+")
_COMMA = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+")
# From the end of an object to the first key of the next.
_BOUNDARY = re.compile(rb'\}[ \t\n\r]*+,[ \t\n\r]*+\{[ \t\n\r]*+"[^"\\]*+"[ \t\n\r]*+:')
_SCALAR = re.compile(rb'[^\[\]{}",: \t\n\r]*+')
# The rest of a string, up to its quote or to a backslash that lacks what belongs to it.
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
# Over whole strings, and whole brackets without others in them, to brackets of one kind, to the quote of a string that
# is not all there, or to the end.
_BRACKETS = re.compile(
    rb"""
    [^"\[\]{}]*+
    (?: (?: STRING | [\[{] (?: [^"\[\]{}]++ | STRING )*+ [\]}] ) [^"\[\]{}]*+ )*+
    (?: (?P<opens> [\[{]++ ) | (?P<closes> [\]}]++ ) | (?P<quote> " ) | \Z )
    """.replace(b"STRING", rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'),
    re.DOTALL | re.VERBOSE,
)


@reader(
    "json-records",
    summary="each element of an array in a JSON document is a record; the parameter is the path of the array",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    gives="event",
    parameter="Records",
)
@Limited
def json_records(limits: RecordLimits) -> Read:
    """The elements of the array at the path `parameter`: `Records`, `detail.items`, or `.`, the document itself.

    An object may hold several documents, one after the other. Whatever else is in a document is passed over. An element
    that is no object, that Python cannot hold, or that is beyond the limits is a `Bad` record. Raises ReaderError,
    after all elements before that, where a document lacks the array, where its JSON is broken, and where it ends too
    early.
    """

    def read(stream: BufferedReader, _record_bytes: int, parameter: str) -> Iterator[Record]:
        return read_elements(stream, limits, parameter)

    return read


def read_elements(stream: BufferedReader, limits: RecordLimits, path: str, block: int = BLOCK) -> Iterator[Record]:
    """What `json_records` gives, by blocks of so many bytes."""
    text = _Text(stream, limits, block)
    names = [name for name in path.split(".") if name]
    while text.find_document():
        for run in text.runs(names):
            text.records += len(run)
            yield from run


def elements_of(raw: bytes, limits: RecordLimits) -> Iterator[Record]:
    """The elements of the array that `raw` is, and nothing else. Raises ReaderError as `json_records` does."""
    text = _Text(BytesIO(raw), limits, BLOCK)
    text.find_document()
    for run in text.runs([]):
        text.records += len(run)
        yield from run
    text.expect_end()


class _Text:
    """A position in a stream of JSON text. It only moves forward, and holds a block or two."""

    def __init__(self, stream: BufferedReader | BytesIO, limits: RecordLimits, block: int) -> None:
        self._stream, self._limits, self._record_bytes, self._block = stream, limits, limits.bytes, block
        self._longest_run = min(limits.bytes, 2 * limits.values)
        """Bytes among which no object can be beyond the limits, but for its depth."""
        self._decode_shallow = shallow_run_decoder(limits.depth)
        self._is_deep = False
        """Whether objects were deeper than that reads: those behind them will be, too."""
        self._data, self._at = b"", 0
        self._dropped = 0
        """Bytes of the stream before `_data`."""
        self._error: ObjectError | None = None
        """What the stream raised: due when all before it is consumed."""
        self._boundary = b""
        """What stood between the last two objects: guesses look for it."""
        self._guess_again = 0
        """Byte of the stream before which no more guesses are made."""
        self.records = 0
        """How many were given."""

    def find_document(self) -> bool:
        """Moves to the next document; False at the end of the stream."""
        if self._peek() == _BOM[:1]:
            for byte in _BOM:
                self._take(bytes([byte]))
        return self._peek() != b""

    def expect_end(self) -> None:
        """Raises ReaderError if there is anything more."""
        if self._peek():
            raise self._unexpected("the end")

    def runs(self, names: Sequence[str], above: Sequence[str] = ()) -> Iterator[Sequence[Record]]:
        """Consumes a value, itself found at `above`, and gives the elements of the array at `names` in it.

        Should a key stand there twice, the elements of both are given: it is too late to take the first back.
        """
        first = self._peek()
        if first != (b"{" if names else b"["):
            if not first:
                raise self._unexpected("a value")
            kind = _KINDS.get(first, "a number" if first in b"-0123456789" else "not JSON")
            where = _quote(above) if above else "the document"
            raise self._refusal(f"{where} is {kind}; expected {_shape(names)}")
        if not names:
            yield from self._elements()
            return
        others: list[str] = []
        found = False
        for number, key in enumerate(self._keys()):
            if number > self._limits.values:
                raise self._refusal(
                    f"more than {self._limits.values:,} keys beside the array; expected a few; raise "
                    "'limits.record_values' to take them"
                )
            if key == names[0]:
                found = True
                yield from self.runs(names[1:], [*above, key])
            else:
                self._pass_over()
                if len(others) <= KEYS:
                    others.append(key[:40])
        if not found:
            path = [*above, *names]
            keys = ", ".join(others[:KEYS]) + (", …" if len(others) > KEYS else "")
            of = f" of {_quote(above)}" if above else ""
            raise self._refusal(f"no {_quote(path)} array; expected {_shape(path)}; keys{of}: {keys or 'none'}")

    def _keys(self) -> Iterator[str]:
        """The keys of an object. Whoever takes one consumes its value."""
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

    def _pass_over(self) -> None:
        """Consumes a value of any size; one within a block is checked to be JSON."""
        raw = self._value(self._block)
        if isinstance(raw, bytes):
            with suppress(RecordError):
                self._decode(raw)

    def _elements(self) -> Iterator[Sequence[Record]]:
        """Consumes an array and gives its elements."""
        self._take(b"[")
        if self._peek() == b"]":
            self._take(b"]")
            return
        separator = b","
        while separator == b",":
            self._peek()
            yield self._guess() or self._scan() or [self._element()]
            if boundary := _BOUNDARY.match(self._data, self._at - 1):
                self._boundary = boundary.group()
            separator = self._take(b",]")

    def _guess(self) -> list[Event]:
        """Consumes the objects up to a boundary in the next block; none if no guess holds."""
        if len(self._data) - self._at < self._block:
            self._fill()
        if not self._boundary or self._dropped + self._at < self._guess_again:
            return []
        end = limit = self._at + min(self._block, self._longest_run)
        for _ in range(GUESSES):
            cut = self._data.rfind(self._boundary, self._at, end)
            if cut < 0:
                return []
            try:
                run = self._decode_objects(b"[" + self._data[self._at : cut + 1] + b"]")
            except (ValueError, msgspec.MsgspecError, RecursionError):
                end = self._at + (cut - self._at) // 4  # the array may end before the cut: look much nearer
            else:
                self._at = cut + 1
                return run
        self._guess_again = self._dropped + limit
        return []

    def _decode_objects(self, raw: bytes) -> list[Event]:
        """The objects of an array. Raises ValueError where something else is in it, or an object is too deep."""
        if not self._is_deep:
            try:
                return self._decode_shallow(raw)
            except msgspec.ValidationError:
                pass  # an object is deeper than that decoder reads, or something is none
        run = _decode_run(raw)
        if is_deeper(run, self._limits.depth + 1):
            raise ValueError("an object is nested too deep")
        self._is_deep = True
        return run

    def _scan(self) -> list[Record]:
        """Consumes the elements that end within the next `SCAN` bytes, one by one."""
        raw = self._data[self._at : self._at + min(SCAN, self._longest_run)]
        text = raw.decode("utf-8", "surrogateescape")
        run: list[Record] = []
        start = end = 0
        # The last one there is cut off, as a rule, and so looks broken.
        with suppress(ValueError, RecursionError):
            while True:
                value, stop = _decode_first(text, start)
                comma = _COMMA.match(text, stop)
                if is_deeper(value, self._limits.depth):
                    break
                if value.__class__ is dict:
                    run.append(value)
                elif comma:
                    run.append(_no_object(text[start:stop].encode("utf-8", "surrogateescape")))
                else:  # a number may go on
                    break
                end = stop
                if not comma:
                    break
                start = comma.end()
        self._at += end if text.isascii() else len(text[:end].encode("utf-8", "surrogateescape"))
        return run

    def _element(self) -> Record:
        """Consumes one element of any kind and size."""
        raw = self._value(self._record_bytes)
        if isinstance(raw, TooLong):
            return raw
        try:
            value = self._decode(raw)
        except RecordError as error:
            return Bad(len(raw), raw[:HEAD], error)
        if isinstance(value, dict):
            return value
        return _no_object(raw)

    def _decode(self, raw: bytes) -> Any:
        """A value. Raises ReaderError for what is not JSON, RecordError for what Python cannot hold or the limits do
        not allow.
        """
        try:
            return load_json(raw, self._limits)
        except RecordTooLarge:
            raise
        except RecordError as error:
            if is_json(raw):  # a number of more digits than Python converts
                raise
            raise self._refusal(str(error)) from None

    def _value(self, limit: int) -> bytes | TooLong:
        """Consumes a value of any kind and size, of which it holds no more than `limit` bytes."""
        first = self._peek()
        scalar, in_string, done = first not in (b"{", b"[", b'"'), first == b'"', False
        kept, size, depth = bytearray(), 0, int(first in (b"{", b"["))
        at = self._at + (not scalar)
        while True:
            data = self._data
            if scalar:
                at = _skip(_SCALAR, data, at)
                done = at < len(data)
            elif in_string:
                at = _skip(_STRING, data, at)
                if data[at : at + 1] == b'"':
                    at += 1
                    in_string, done = False, depth == 0
            if not scalar and not in_string and not done:
                at, depth, in_string = _skip_brackets(data, at, depth)
                done = depth == 0
            piece = data[self._at : at]
            size += len(piece)
            kept += piece[: limit + 1 - len(kept)]
            self._at = at
            if done:
                return bytes(kept) if size <= limit else TooLong(size, limit, bytes(kept[:HEAD]))
            if not self._fill():
                self._at = len(self._data)  # a backslash may be left
                raise self._error or self._unexpected("the rest of a value")
            at = 0

    def _take(self, expected: bytes) -> bytes:
        """Consumes one byte, which must be one of `expected`."""
        found = self._peek()
        if not found or found not in expected:
            raise self._unexpected(" or ".join(repr(chr(byte)) for byte in expected))
        self._at += 1
        return found

    def _peek(self) -> bytes:
        """Moves to the next byte that is not blank; gives it, or nothing at the end of the stream."""
        byte = self._data[self._at : self._at + 1]
        if byte > b" ":  # most often: no search
            return byte
        while True:
            self._at = _skip(_BLANKS, self._data, self._at)
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._fill():
                if self._error:
                    raise self._error
                return b""

    def _fill(self) -> bool:
        """Adds a block to what is not consumed; False if the stream has no more to give."""
        parts, missing = [self._data[self._at :]], self._block
        try:
            while missing and not self._error and (part := self._stream.read1(missing)):
                parts.append(part)
                missing -= len(part)
        except ObjectError as error:
            self._error = error
        self._dropped += self._at
        self._data, self._at = b"".join(parts), 0
        return missing < self._block

    def _unexpected(self, expected: str) -> ReaderError:
        found = self._data[self._at : self._at + 1]
        what = f"found {found.decode('latin-1')!r}" if found else "it ends"
        return self._refusal(f"not JSON: {what}; expected {expected}")

    def _refusal(self, text: str) -> ReaderError:
        return ReaderError(f"{text} (after record {self.records}, byte {self._dropped + self._at:,})")


def _skip(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """The end of what `pattern` matches at `at`."""
    match = pattern.match(data, at)
    return match.end() if match else at


def _skip_brackets(data: bytes, at: int, depth: int) -> tuple[int, int, bool]:
    """From inside so many brackets, at least one, to behind the last of them, or as far as `data` goes.

    Gives the position, the depth there, and whether it is in a string.
    """
    for match in _BRACKETS.finditer(data, at):
        at = match.end()
        kind = match.lastgroup
        if kind == "opens":
            depth += at - match.start(kind)
        elif kind == "closes":
            closed = at - match.start(kind)
            if closed >= depth:
                return at - (closed - depth), 0, False
            depth -= closed
        elif kind == "quote":
            return _skip(_STRING, data, at), depth, True
    return at, depth, False


def _no_object(raw: bytes) -> Bad:
    """Stands for an element that is something else than an object."""
    return Bad(len(raw), raw[:HEAD], f"element is {raw[:40].decode('utf-8', 'replace')!r}; expected an object")


def _quote(path: Sequence[str]) -> str:
    return repr(".".join(path))


def _shape(path: Sequence[str]) -> str:
    """A document with the array at `path`: `{"Records": […]}`."""
    shape = "[…]"
    for name in reversed(path):
        shape = f'{{"{name}": {shape}}}'
    return shape
