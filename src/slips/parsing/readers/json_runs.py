"""Reads the elements of arrays in a stream of JSON text as records, in runs.

Finding the end of an element costs as much as decoding the element. So this module guesses the end of a whole run of
elements, and the decoder verifies the guess: if a run decodes when put between brackets, it consists of whole elements,
since JSON can be read from left to right in one way only. If guesses fail, elements are cut off one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.format import Bad, Event, Record, RecordLimits, TooLong
from slips.parsing.json_text import (
    beginning,
    is_deeper,
    load_json,
    quoted_path,
    shallow_run_decoder,
    shape_of,
    texts_of_objects,
)
from slips.parsing.readers.json_stream import Blocks, JsonText
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING

GUESSES = 3
"""Guesses in a block, before its elements are read one by one."""
SCAN, FIRST_SCAN = 1 << 14, 1 << 8
"""Bytes whose elements are read one by one before the next guess, and bytes that are scanned at first: for a value of
four bytes, more would be decoded in vain."""
KEYS = 20
"""Most keys that an error names."""

_KINDS = {b"{": "an object", b"[": "an array", b'"': "a string", b"t": "true", b"f": "false", b"n": "null"}

_decode_run = msgspec.json.Decoder(list[Event]).decode
decode_first = JSONDecoder().raw_decode
"""`(text, start)` to the value at `start` and its end. It accepts all texts that `load_json` accepts, at a third of the
speed."""

_COMMA = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+")
# From the end of an object to the first key of the next.
_BOUNDARY = re.compile(rb'\}[ \t\n\r]*+,[ \t\n\r]*+\{[ \t\n\r]*+"[^"\\]*+"[ \t\n\r]*+:')
_FIRST_KEY = re.compile(rb'\{[ \t\n\r]*+"[^"\\]*+"[ \t\n\r]*+:')
_FLAT = re.compile(rb"(?:\{[^\"{}\[\]]*+\}|\[[^\"{}\[\]]*+\])(?:[ \t\n\r]*+(?:\{[^\"{}\[\]]*+\}|\[[^\"{}\[\]]*+\]))*+")
"""Objects and arrays with no strings and nothing nested, one behind another."""
_JUNK = re.compile(rb'(?:[^\[\]{}",]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")++', re.DOTALL)


TextsOf = Callable[[bytes], list[bytes]]
"""Takes the text of a run apart: returns the text of each record."""
_MARGIN = 16
"""Characters at the end of a text that may be a part of a value, such as `-Infinit`, if the text is cut off."""


class JsonRuns(JsonText):
    """A position in a stream of JSON text, and the records that were read up to it."""

    def __init__(self, stream: Blocks, limits: RecordLimits, block: int) -> None:
        super().__init__(stream, limits, block)
        self._longest_run = min(limits.bytes, 2 * limits.values)
        """Bytes so few that no object within them can exceed the limits, but for its depth."""
        self._decode_shallow = shallow_run_decoder(limits.depth)
        self.decode_run: Callable[[bytes], Sequence[Any]] | None = None
        """Decodes an array of objects to what the chain wants instead of dicts; raises for arrays of others."""
        self._is_deep = False
        """Whether an object was too deep for `_decode_shallow`: objects behind it probably are, too."""
        self._boundary = b""
        """The bytes between the last two objects: guesses search for the next such bytes."""
        self._guess_again = 0
        """Byte of the stream before which no further guess is made."""
        self._scan_size = FIRST_SCAN
        """Bytes of the next scan: more behind a scan that read all that it had, few behind one that did not."""
        self._saw_bad = False
        """Whether the last element that was read alone was no JSON: the next one probably is none."""
        self._run: Sequence[Record] = ()
        """The records yielded last, and below their text, and the function that takes it apart."""
        self._run_raw = b""
        self._texts_of: TextsOf = texts_of_elements
        self._run_raws: dict[int, bytes] | None = None
        """The text of each of these records by its identity, once one was asked for."""

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
                run = ()  # freed before the next one is decoded, which then uses the same memory
                self.set_run(run)
        if not self.records and not is_blank:
            yield [EMPTY]

    def set_run(self, run: Sequence[Record]) -> None:
        """Note the records that are yielded next, for `raw_of` and error texts."""
        self._run, self._run_raws = run, None
        self.records += len(run)

    def raw_of(self, event: Event) -> bytes | None:
        """Return the text of an event in the run that was yielded last."""
        if self._run_raws is None:
            raw = self._run_raw.strip(b" \t\r\n")
            # To take one large record apart takes ten times its bytes.
            is_record = len(self._run) == 1 and raw.startswith(b"{") and raw.endswith(b"}")
            texts = [raw] if is_record else self._texts_of(self._run_raw)
            self._run_raws = {id(each): raw for each, raw in zip(self._run, texts, strict=False)}
        return self._run_raws.get(id(event))

    def _keep(self, raw: bytes, texts_of: TextsOf) -> None:
        """Keep the text of the next run, and the function that takes it apart."""
        self._run_raw, self._texts_of = raw, texts_of

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

    def _elements(self) -> Iterator[Sequence[Record]]:
        """Consume an array and yield its elements, in runs."""
        self._take(b"[")
        if self._peek() == b"]":
            self._take(b"]")
            return
        separator = b","
        run: Sequence[Record] = ()
        while separator == b",":
            if self._peek() == b"}":
                raise self._unexpected("an element")
            if self._saw_bad:
                run = [self._element()]
            else:  # a short array ends with the first scan; a guess would cost more than all of it
                run = (self._guess() if run else ()) or self._scan() or self._guess() or [self._element()]
            yield run
            if boundary := _BOUNDARY.match(self._data, self._at - 1):
                self._boundary = boundary.group()
            if self._peek() not in (b",", b"]", b"}", b""):
                yield [self._junk()]
            separator = self._take(b",]")

    def _guess(self) -> Sequence[Any]:
        """Consume and return the objects up to a boundary in the next block. If no guess holds, consume none."""
        if len(self._data) - self._at < self._block and (run := self._guess_across()):
            return run
        if self._dropped + self._at < self._guess_again:
            return []
        self._boundary = self._boundary or self._first_boundary()
        end = limit = self._at + min(self._block, self._longest_run)
        for _ in range(GUESSES if self._boundary else 0):
            cut = self._data.rfind(self._boundary, self._at, end)
            if cut < 0 and len(self._data) - (last := self._data.rfind(b"}]", self._at, end)) < _MARGIN:
                cut = last  # the last object of the stream has no boundary behind it
            if cut < 0:
                limit = self._at + SCAN  # by then the boundary may be another one
                break
            if run := self._array_of(memoryview(self._data)[self._at : cut + 1]):
                self._at = cut + 1
                return run
            end = self._at + (cut - self._at) // 4  # the array may end before the cut: look much nearer
        self._guess_again = self._dropped + limit
        return []

    def _guess_across(self) -> Sequence[Any]:
        """Read a block. Consume and return the objects up to a boundary in it; if that guess fails, add it to the data.

        So the objects are copied once, and the data is that block from then on.
        """
        block, size = self._next_block(self._block), len(self._data) - self._at
        if self._boundary and self._dropped + self._at >= self._guess_again:
            cut = block.rfind(self._boundary, 0, max(min(self._block, self._longest_run) - size, 0))
            if cut >= 0 and (run := self._array_of(memoryview(self._data)[self._at :], memoryview(block)[: cut + 1])):
                self._dropped += len(self._data)
                self._data, self._at = block, cut + 1
                return run
        self._add(block)
        return []

    def _array_of(self, *texts: memoryview) -> Sequence[Any]:
        """Decode objects with commas between them, whose text is in parts, and keep it. Return none if it is not."""
        raw = b"".join((b"[", *texts, b"]"))  # one copy, `+` makes three
        try:
            run = self._decode_objects(raw)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return []
        self._keep(raw, texts_of_objects)
        return run

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
            with suppress(Exception):  # the code of a Struct in an event may raise any; dicts can be made, or nothing
                return self.decode_run(raw)
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
        """Consume and return, one by one, the elements that end within the next few bytes."""
        raw, text = self._next_text()
        run: list[Record] = []
        start = end = 0
        is_cut = False
        try:
            while True:
                value, stop = decode_first(text, start)
                comma = _COMMA.match(text, stop)
                if is_deeper(value, self._limits.depth):
                    break
                if value.__class__ is dict:
                    run.append(value)
                elif comma:
                    run.append(no_object(text[start:stop].encode("utf-8", "surrogateescape")))
                else:  # a number may have more digits behind these bytes
                    break
                end = stop
                if not comma:
                    break
                start = comma.end()
        except (ValueError, RecursionError) as error:
            is_cut = is_cut_off(error, text)
        self._consume(raw, text, end, is_cut, texts_of_elements)
        return run

    def _next_text(self) -> tuple[bytes, str]:
        """Return the next bytes to scan, and their text. No value in them can exceed the limits but for its depth."""
        raw = self._data[self._at : self._at + min(self._scan_size, self._longest_run)]
        return raw, raw.decode("utf-8", "surrogateescape")

    def _consume(self, raw: bytes, text: str, end: int, is_cut: bool, texts_of: TextsOf) -> None:
        """Consume the first `end` characters of a scan. Unless a value `is_cut` off, the next scan is short."""
        size = end if text.isascii() else len(text[:end].encode("utf-8", "surrogateescape"))
        self._scan_size = min(4 * self._scan_size, SCAN) if is_cut else FIRST_SCAN
        self._at += size
        self._keep(raw[:size], texts_of)

    def _element(self) -> Record:
        """Consume one element of any kind and size."""
        raw = self._value(self._limits.bytes)
        if isinstance(raw, TooLong):
            return raw
        return self._decoded_element(raw)

    def _decoded_element(self, raw: bytes) -> Record:
        """Return the record of an element, whose text is `raw`."""
        self._keep(raw, texts_of_elements)
        self._saw_bad = False
        try:
            value = load_json(raw, self._limits)
        except RecordError as error:
            self._saw_bad = True
            found = raw or self._data[self._at : self._at + 1]  # a comma or bracket in place of an element
            return Bad(len(found), found[:HEAD], error)
        if isinstance(value, dict):
            return value
        return no_object(raw)

    def _junk(self) -> Bad:
        """Consume the text between an element and the next comma or bracket that closes: no element, but in balance."""
        size, head = 0, bytearray()
        while True:
            blanks, kept = self._blanks(HEAD)
            byte = self._peek()
            if byte in (b",", b"]", b"}", b""):
                break
            if found := _FLAT.match(self._data, self._at):
                raw: bytes | TooLong = found.group()
                self._at = found.end()
            elif byte not in (b"{", b"[") and (found := _JUNK.match(self._data, self._at)):
                text = found.group().rstrip(b" \t\n\r")
                raw = text
                self._at += len(text)
            else:
                raw = self._value(HEAD)
            size += blanks + (raw.size if isinstance(raw, TooLong) else len(raw))
            head += (kept + (raw.head if isinstance(raw, TooLong) else raw))[: HEAD - len(head)]
        return Bad(
            size, bytes(head), f"not JSON: found {beginning(bytes(head))} behind an element; expected ',' or ']'"
        )


def texts_of_elements(run: bytes) -> list[bytes]:
    """Return the texts of elements with commas between them."""
    return [each.encode("utf-8", "surrogateescape") for each in split_elements(run.decode("utf-8", "surrogateescape"))]


def split_elements(text: str) -> list[str]:
    """Return the texts of elements with commas between them."""
    texts: list[str] = []
    text = text.lstrip(" \t\n\r")
    at = 0
    with suppress(ValueError, RecursionError):
        while True:
            end = decode_first(text, at)[1]
            texts.append(text[at:end])
            comma = _COMMA.match(text, end)
            if not comma:
                break
            at = comma.end()
    return texts


def is_cut_off(error: Exception, text: str) -> bool:
    """Whether `decode_first` refused a text only because more of it is needed."""
    if not isinstance(error, JSONDecodeError):
        return False
    return error.pos >= len(text.rstrip()) - _MARGIN or error.msg.startswith("Unterminated string")


def no_object(raw: bytes) -> Bad:
    """Return the record that stands for an element of another kind than an object."""
    return Bad(len(raw), raw[:HEAD], f"element is {raw[:40].decode('utf-8', 'replace')!r}; expected an object")
