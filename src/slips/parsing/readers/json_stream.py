"""A position in a stream of JSON text, which moves forward over values of any size in flat memory.

Finding the end of an element costs as much as decoding the element. So this module guesses the end of a whole run of
elements, and the decoder verifies the guess: if a run decodes when put between brackets, it consists of whole elements,
since JSON can be read from left to right in one way only. If guesses fail, elements are cut off one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from json import JSONDecoder
from typing import Any, Protocol

import msgspec

from slips.errors import ObjectError, ReaderError, RecordError, RecordTooLarge
from slips.format import Bad, Event, Record, RecordLimits, TooLong
from slips.parsing.json_text import beginning, is_deeper, is_json, load_json, quoted_path, shallow_run_decoder, shape_of
from slips.parsing.readers.json_skip import STRING, skip, skip_brackets
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING

BLOCK = 1 << 15
"""Bytes read and decoded at a time. 16 and 64 KB are as fast on CloudTrail; events of 128 KB overflow the CPU cache."""
GUESSES = 3
"""Guesses in a block, before its elements are read one by one."""
SCAN = 1 << 14
"""Bytes whose elements are read one by one before the next guess."""
KEYS = 20
"""Most keys that an error names."""

_BOM = b"\xef\xbb\xbf"
_KINDS = {b"{": "an object", b"[": "an array", b'"': "a string", b"t": "true", b"f": "false", b"n": "null"}

_decode_run = msgspec.json.Decoder(list[Event]).decode
_decode_first = JSONDecoder().raw_decode
"""`(text, start)` to the value at `start` and its end. It accepts all texts that `load_json` accepts, at a third of the
speed."""

_NULS = re.compile(rb"\0*+")
_BLANKS = re.compile(rb"[ \t\n\r]*+")
_COMMA = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+")
# From the end of an object to the first key of the next.
_BOUNDARY = re.compile(rb'\}[ \t\n\r]*+,[ \t\n\r]*+\{[ \t\n\r]*+"[^"\\]*+"[ \t\n\r]*+:')
_FIRST_KEY = re.compile(rb'\{[ \t\n\r]*+"[^"\\]*+"[ \t\n\r]*+:')
_JUNK = re.compile(rb'(?:[^\[\]{}",]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")++', re.DOTALL)
_SCALAR = re.compile(rb'[^\[\]{}",: \t\n\r]*+')


class Blocks(Protocol):
    """A stream that is read block by block."""

    def read1(self, size: int, /) -> bytes: ...


class JsonText:
    """A position in a stream of JSON text. The position only moves forward; one or two blocks are in memory."""

    def __init__(self, stream: Blocks, limits: RecordLimits, block: int) -> None:
        self._stream, self._limits, self._record_bytes, self._block = stream, limits, limits.bytes, block
        self._longest_run = min(limits.bytes, 2 * limits.values)
        """Bytes so few that no object within them can exceed the limits, but for its depth."""
        self._decode_shallow = shallow_run_decoder(limits.depth)
        self.decode_run: Callable[[bytes], Sequence[Any]] | None = None
        """Decodes an array of objects to what the chain wants instead of dicts; raises for arrays of others."""
        self._is_deep = False
        """Whether an object was too deep for `_decode_shallow`: objects behind it probably are, too."""
        self._data, self._at = b"", 0
        self._dropped = 0
        """Bytes of the stream before `_data`."""
        self._error: ObjectError | None = None
        """The error that the stream raised: raised again when all data before the error is consumed."""
        self._boundary = b""
        """The bytes between the last two objects: guesses search for the next such bytes."""
        self._guess_again = 0
        """Byte of the stream before which no further guess is made."""
        self.records = 0  # yielded so far, for error texts
        self._run: Sequence[Record] = ()
        """The records yielded last, and below their text, with commas between them."""
        self._run_raw = b""
        self._unfinished = (0, b"")
        """Size and first bytes of the value within which the stream has ended."""
        self._run_raws: list[bytes] | None = None
        """The text of each of these records, once one was asked for."""

    def elements(self, path: str) -> Iterator[Record]:
        """Yield the elements of the arrays at `path` in each document of the stream."""
        return chain.from_iterable(self._runs_of_documents([name for name in path.split(".") if name]))

    def _runs_of_documents(self, names: Sequence[str]) -> Iterator[Sequence[Record]]:
        is_blank = True
        while self.find_document():
            is_blank = False
            runs = iter([[PADDING]]) if self.skip_padding() else self.runs(names)
            while run := next(runs, ()):
                self.set_run(run)
                yield run
                self._run = run = ()  # freed before the next one is decoded, which then uses the same memory
        if not self.records and not is_blank:
            yield [EMPTY]

    def set_run(self, run: Sequence[Record]) -> None:
        """Note the records that are yielded next, for `raw_of` and error texts."""
        self._run = run
        self.records += len(run)

    def raw_of(self, event: Event) -> bytes | None:
        """Return the text of an event in the run that was yielded last."""
        if self._run_raws is None:
            self._run_raws = _texts(self._run_raw)
        return next((raw for each, raw in zip(self._run, self._run_raws, strict=False) if each is event), None)

    def _keep(self, raw: bytes) -> None:
        """Keep the text of the next run."""
        self._run_raw, self._run_raws = raw, None

    def find_document(self) -> bool:
        """Move to the next document. Return False at the end of the stream."""
        if self._peek() == _BOM[:1]:
            for byte in _BOM:
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

    def runs(self, names: Sequence[str], above: Sequence[str] = ()) -> Iterator[Sequence[Record]]:
        """Consume the value at the path `above`, and yield the elements of the array at the path `names` in that value.

        If a key occurs twice, the elements of both are yielded: those of the first are processed by then.
        """
        first = self._peek()
        if first != (b"{" if names else b"["):
            if not first:
                raise self._unexpected("a value")
            kind = _KINDS.get(first, "a number" if first in b"-0123456789" else "not JSON")
            where = quoted_path(above) if above else "the document"
            raise self._refusal(f"{where} is {kind}; expected {shape_of(names)}")
        if not names:
            yield from self._elements()
            return
        other_keys: list[str] = []
        has_array = False
        for number, key in enumerate(self._keys()):
            if number > self._limits.values:
                raise self._refusal(
                    f"more than {self._limits.values:,} keys beside the array; expected a few; raise "
                    "'limits.record_values' to take them"
                )
            if key == names[0]:
                has_array = True
                yield from self.runs(names[1:], [*above, key])
            else:
                self._skip_value()
                if len(other_keys) <= KEYS:
                    other_keys.append(key[:40])
        if not has_array:
            path = [*above, *names]
            keys = ", ".join(other_keys[:KEYS]) + (", …" if len(other_keys) > KEYS else "")
            of = f" of {quoted_path(above)}" if above else ""
            raise self._refusal(f"no {quoted_path(path)} array; expected {shape_of(path)}; keys{of}: {keys or 'none'}")

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

    def _elements(self) -> Iterator[Sequence[Record]]:
        """Consume an array and yield its elements, in runs."""
        self._take(b"[")
        if self._peek() == b"]":
            self._take(b"]")
            return
        separator = b","
        while separator == b",":
            if self._peek() == b"}":
                raise self._unexpected("an element")
            yield self._guess() or self._scan() or [self._element()]
            if boundary := _BOUNDARY.match(self._data, self._at - 1):
                self._boundary = boundary.group()
            if self._peek() not in (b",", b"]", b"}", b""):
                yield [self._junk()]
            separator = self._take(b",]")

    def _guess(self) -> Sequence[Any]:
        """Consume and return the objects up to a boundary in the next block. If no guess holds, consume none."""
        if len(self._data) - self._at < self._block:
            self._fill()
        self._boundary = self._boundary or self._first_boundary()
        if not self._boundary or self._dropped + self._at < self._guess_again:
            return []
        end = limit = self._at + min(self._block, self._longest_run)
        for _ in range(GUESSES):
            cut = self._data.rfind(self._boundary, self._at, end)
            if cut < 0:
                return []
            raw = b"".join((b"[", memoryview(self._data)[self._at : cut + 1], b"]"))  # one copy, `+` makes three
            try:
                run = self._decode_objects(raw)
            except (ValueError, msgspec.MsgspecError, RecursionError):
                end = self._at + (cut - self._at) // 4  # the array may end before the cut: look much nearer
            else:
                self._at = cut + 1
                self._keep(raw)
                return run
        self._guess_again = self._dropped + limit
        return []

    def _first_boundary(self) -> bytes:
        """Return the bytes that probably follow the object at the position: up to a key that is its first one, too."""
        if not (first := _FIRST_KEY.match(self._data, self._at)):
            return b""
        found = (each.group() for each in islice(_BOUNDARY.finditer(self._data, self._at), KEYS))
        return next((each for each in found if each.endswith(first.group())), b"")

    def _decode_objects(self, raw: bytes) -> Sequence[Any]:
        """Decode an array of objects.

        Raises ValueError or msgspec.MsgspecError if an element is no object, or an object is too deep.
        """
        if self.decode_run is not None:
            try:
                return self.decode_run(raw)
            except (ValueError, msgspec.MsgspecError, RecursionError):
                pass  # dicts can be made of it, or nothing
        if not self._is_deep:
            try:
                shallow: list[Event] = self._decode_shallow(raw)
                return shallow
            except msgspec.ValidationError:
                pass  # an object is deeper than that decoder reads, or an element is no object
        run = _decode_run(raw)
        if is_deeper(run, self._limits.depth + 1):
            raise ValueError("an object is nested too deep")
        self._is_deep = True
        return run

    def _scan(self) -> list[Record]:
        """Consume and return, one by one, the elements that end within the next `SCAN` bytes."""
        raw = self._data[self._at : self._at + min(SCAN, self._longest_run)]
        text = raw.decode("utf-8", "surrogateescape")
        run: list[Record] = []
        start = end = 0
        # The last element within these bytes is cut off, as a rule, and so does not decode.
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
                else:  # a number may have more digits behind these bytes
                    break
                end = stop
                if not comma:
                    break
                start = comma.end()
        size = end if text.isascii() else len(text[:end].encode("utf-8", "surrogateescape"))
        self._at += size
        self._keep(raw[:size])
        return run

    def _element(self) -> Record:
        """Consume one element of any kind and size."""
        raw = self._value(self._record_bytes)
        if isinstance(raw, TooLong):
            return raw
        self._keep(raw)
        try:
            value = load_json(raw, self._limits)
        except RecordError as error:
            return Bad(len(raw), raw[:HEAD], error)
        if isinstance(value, dict):
            return value
        return _no_object(raw)

    def _junk(self) -> Bad:
        """Consume the text between an element and the next comma or bracket that closes: no element, but in balance."""
        size, head = 0, bytearray()
        while True:
            blanks, kept = self._blanks(HEAD)
            byte = self._peek()
            if byte in (b",", b"]", b"}", b""):
                break
            if byte not in (b"{", b"[") and (found := _JUNK.match(self._data, self._at)):
                text = found.group().rstrip(b" \t\n\r")
                raw: bytes | TooLong = text
                self._at += len(text)
            else:
                raw = self._value(HEAD)
            size += blanks + (raw.size if isinstance(raw, TooLong) else len(raw))
            head += (kept + (raw.head if isinstance(raw, TooLong) else raw))[: HEAD - len(head)]
        return Bad(
            size, bytes(head), f"not JSON: found {beginning(bytes(head))} behind an element; expected ',' or ']'"
        )

    def _decode(self, raw: bytes) -> Any:
        """Decode a value.

        Raises ReaderError if `raw` is not JSON, RecordError if Python cannot hold the value or it exceeds the limits.
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
        """Consume a value of any kind and size, with at most `limit` bytes of it in memory."""
        first = self._peek()
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
        size = size or self._block
        parts, missing = [self._data[self._at :]], size
        try:
            while missing and not self._error and (part := self._stream.read1(missing)):
                parts.append(part)
                missing -= len(part)
        except ObjectError as error:
            self._error = error
        self._dropped += self._at
        self._data, self._at = b"".join(parts), 0
        return missing < size

    def _unexpected(self, expected: str) -> ReaderError:
        byte = self._data[self._at : self._at + 1]
        problem = f"found {byte.decode('latin-1')!r}" if byte else "it ends"
        return self._refusal(f"not JSON: {problem}; expected {expected}")

    def _refusal(self, text: str) -> ReaderError:
        return ReaderError(f"{text} (after record {self.records}, byte {self._dropped + self._at:,})")


def _texts(run: bytes) -> list[bytes]:
    """Return the texts of the elements of a run: an array, or the same without its brackets."""
    text = run.decode("utf-8", "surrogateescape")
    text = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    texts: list[bytes] = []
    at = 0
    with suppress(ValueError, RecursionError):
        while True:
            end = _decode_first(text, at)[1]
            texts.append(text[at:end].encode("utf-8", "surrogateescape"))
            comma = _COMMA.match(text, end)
            if not comma:
                break
            at = comma.end()
    return texts


def _no_object(raw: bytes) -> Bad:
    """Return the record that stands for an element of another kind than an object."""
    return Bad(len(raw), raw[:HEAD], f"element is {raw[:40].decode('utf-8', 'replace')!r}; expected an object")
