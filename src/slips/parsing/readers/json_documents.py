"""Reads the JSON documents of a stream as records: one behind another, over several lines, or in arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from slips.errors import ReaderError, RecordError
from slips.format import Bad, Record, TooLong
from slips.parsing.json_strict import strict_end
from slips.parsing.json_syntax import JsonSyntax
from slips.parsing.json_text import beginning, is_deeper, load_json
from slips.parsing.readers.json_runs import (
    JsonRuns,
    decode_first,
    is_cut_off,
    no_object,
    split_elements,
    texts_of_elements,
)
from slips.parsing.readers.json_stream import BOM, without_place
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING

SOUND = 1 << 20
"""Bytes in which a mistake makes a document end at the first line that begins as a document does. Behind a mistake
further on, the next such line is meant: flat memory has no room for all of them. A constant, as it decides how records
are numbered."""
WINDOW = 1 << 10
"""Bytes behind a value in which more text on its line is looked for."""

_KINDS = (b"{", b"[")
_OBJECT = 123
_blanks = re.compile(r"[ \t\n\r]*+").match
_more = re.compile(rb"[ \t\r]*+[^\s{\[]").match
"""Whether more text follows on the line, which begins no document."""
_WORDS = re.compile(rb"\[[ \t\r\n]*+((?:[^\[\]{}\",: \t\r\n]++[ \t\r\n]*+(?:,[ \t\r\n]*+(?!\])|(?=\])))++)\]")
"""An array of words without quotes."""
_NEXT = re.compile(rb"\n(?=[{\[])")


class DocumentText(JsonRuns):
    """A position in a stream of JSON documents."""

    _saw_junk = False
    """Whether the last array was one of bare words."""

    def records_of(self, runs: Iterator[Sequence[Record]]) -> Iterator[Record]:
        """Yield the records of runs, for which `raw_of` then has the texts."""
        for run in runs:
            self.set_run(run)
            yield from run

    def documents(self) -> Iterator[Sequence[Record]]:
        """Yield the records of the documents, in runs."""
        has_marks, begun = False, self.records
        while first := self._peek():
            if first == BOM[:1] and not self._want(len(BOM)) and self._data.startswith(BOM, self._at):
                self._at += len(BOM)
                has_marks = True
            elif self.skip_padding():
                yield [PADDING]
            elif first in _KINDS and (run := self._short_documents(first)):
                yield run
            elif first == b"[":
                yield from self._array()
            else:
                yield [self._document()]
        if has_marks and self.records == begun:
            yield [EMPTY]  # one mark at the beginning of an object is no content: the stream is without it

    def _short_documents(self, first: bytes) -> list[Record]:
        """Consume and return the records of the next documents, if they end soon; none if the next one does not."""
        run = self._junk_array()
        if not run and not (first == b"[" and self._saw_bad):
            run = self._scan_documents()
        return run or self._junk_array(True)

    def _scan_documents(self) -> list[Record]:
        """Consume and return the records of the objects and arrays that end within the next few bytes."""
        raw, text = self._next_text()
        most = self._limits.depth
        may_be_deep = raw.count(b"{") + raw.count(b"[") > most
        run: list[Record] = []
        start = end = 0
        is_cut = False
        try:
            while True:
                value, stop = decode_first(text, start)
                if may_be_deep and is_deeper(value, most):
                    break
                if value.__class__ is dict:
                    run.append(value)
                elif value.__class__ is not list:
                    break
                elif value:
                    run += _elements_of(value, text[start + 1 : stop - 1])
                else:
                    run.append(EMPTY)
                end = stop
                start = _behind_blanks(text, stop)
                if start == len(text):
                    is_cut = True
                    break
        except (ValueError, RecursionError) as error:
            is_cut = is_cut_off(error, text)
        self._consume(raw, text, end, is_cut, _texts_of_documents)
        return run

    def _junk_array(self, tries: bool = False) -> list[Record]:
        """Consume and return the elements of a short array of bare words: `[abc]`. One such announces more of them."""
        found = _WORDS.match(self._data, self._at, self._at + self._longest_run) if tries or self._saw_junk else None
        self._saw_junk = found is not None
        if found is None:
            return []
        self._at = found.end()
        return [self._decoded_element(raw) for raw in found[1].translate(None, b" \t\r\n").split(b",")]

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
            bad = self._broken(without_place(error))  # a quarantine tells the place by itself
            # Where nothing is left of it, the bracket that none closes is its evidence.
            yield [bad if bad.size else Bad(1, b"[", bad.reason)]
            return
        if is_empty:
            yield [EMPTY]

    def _document(self) -> Record:
        """Consume a document that is no array, whole or broken, of any size."""
        if size := self._strict_size():
            return self._taken(size, known_strict=True)
        syntax = JsonSyntax()
        end: int | None = None
        while end is None and size < SOUND:
            piece = self._data[self._at + size : self._at + SOUND]
            has_more = bool(piece) or self._fill(max(self._block, size))
            end = syntax.feed(piece, is_last=not has_more)
            size += len(piece) if end is None else end
            if not has_more and self._error:
                self._at = len(self._data)
                raise self._error  # what the damage has cut off is no record
        if end is None:
            return self._large(syntax)
        if not syntax.is_sound:
            return self._broken("", syntax)
        if self._data[self._at] != _OBJECT:
            self._want(size + WINDOW)
            if _more(self._data, self._at + size):
                return self._broken("")  # one record, not one for each digit of a long line
        return self._taken(size)

    def _strict_size(self) -> int:
        """Return how long a document is if that is soon known: an object of strict JSON that ends within SOUND bytes.

        Else 0.
        """
        if self._data[self._at] != _OBJECT:
            return 0
        while True:
            piece = self._data[self._at : self._at + SOUND]
            size = strict_end(piece)
            if size is not None:
                return size
            more = min(max(self._block, 7 * len(piece)), SOUND - len(piece))
            if not more or not self._fill(more):
                return 0

    def _taken(self, size: int, *, known_strict: bool = False) -> Record:
        """Consume a whole document of this size."""
        raw = self._data[self._at : self._at + size]
        self._at += size
        if size > self._limits.bytes:
            return TooLong(size, self._limits.bytes, raw[:HEAD])
        return self._decoded(raw, known_strict=known_strict)

    def _large(self, syntax: JsonSyntax) -> Record:
        """Consume a document whose first SOUND bytes are sound so far."""
        most, size = self._limits.bytes, SOUND
        kept = bytearray(self._data[self._at : self._at + min(SOUND, most + 1)])
        self._at += SOUND
        end: int | None = None
        while end is None:
            # A line end that ends the data may have a document behind it: it is fed with what follows.
            piece = self._data[self._at : len(self._data) - self._data.endswith(b"\n")]
            if is_last := not piece and not self._fill():
                if self._error:
                    self._at = len(self._data)
                    raise self._error
                piece = self._data[self._at :]
            end = syntax.feed(piece, is_last=is_last)
            taken = len(piece) if end is None else end
            if end is not None and not syntax.is_sound and piece[:end].endswith(b"\n"):
                taken -= 1
            size += taken
            kept += piece[: min(taken, most + 1 - len(kept))]
            self._at += taken
        if not syntax.is_sound:
            self._unfinished = (size, bytes(kept[:most]))
            return self._broken("")
        return self._decoded(bytes(kept)) if size <= most else TooLong(size, most, bytes(kept[:HEAD]))

    def _decoded(self, raw: bytes, *, known_strict: bool = False) -> Record:
        """Return the record of a whole document, whose text is `raw`."""
        self._keep(raw, _texts_of_documents)
        try:
            value = load_json(raw, self._limits, known_strict=known_strict)
        except RecordError as error:
            return Bad(len(raw), raw[:HEAD], error)
        if isinstance(value, dict):
            return value
        return Bad(len(raw), raw[:HEAD], f"JSON {type(value).__name__} {beginning(raw)}; expected an object")

    def _broken(self, reason: str, syntax: JsonSyntax | None = None) -> Bad:
        """Consume up to the next line that begins as a document does. Without `reason`, the decoder gives it.

        It does not look again for what `syntax` has found in the data.
        """
        data, begin = self._data, self._at
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
                is_found = syntax and syntax.breaks_by(data, begin, len(raw))
                load_json(raw, self._limits, broken=syntax if is_found else None)
            except RecordError as error:
                return Bad(size, raw[:HEAD], error)
        return Bad(size, raw[:HEAD], reason or "not JSON")

    def _want(self, size: int) -> bool:
        """Have at least `size` bytes that are not consumed. Return whether the stream ends, or raises, before."""
        while len(self._data) - self._at < size:
            if not self._fill(max(self._block, size - len(self._data) + self._at)):
                return len(self._data) - self._at < size
        return False


def _elements_of(values: list[Any], text: str) -> Sequence[Record]:
    """Return the records of the elements of an array, which has this text between its brackets."""
    for value in values:
        if value.__class__ is not dict:
            break
    else:
        return values
    texts = split_elements(text) if len(values) > 1 else [text.strip(" \t\r\n")]
    return [
        value if value.__class__ is dict else no_object(each.encode("utf-8", "surrogateescape"))
        for value, each in zip(values, texts, strict=True)
    ]


def _texts_of_documents(run: bytes) -> list[bytes]:
    """Return the texts of the records of documents one behind another."""
    text = run.decode("utf-8", "surrogateescape")
    texts: list[bytes] = []
    at = 0
    with suppress(ValueError, RecursionError):
        while at < len(text):
            value, end = decode_first(text, at)
            raw = text[at:end].encode("utf-8", "surrogateescape")
            texts += texts_of_elements(raw[1:-1]) if value and value.__class__ is list else [raw]
            at = _behind_blanks(text, end)
    return texts


def _behind_blanks(text: str, at: int) -> int:
    match = _blanks(text, at)
    return match.end() if match else at
