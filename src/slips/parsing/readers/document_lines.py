"""Reads JSON documents that are lines, as a rule: the reader of an object whose first line is whole.

Lines are decoded to Structs in runs, several in a row: decoder, loop and handler each find their code and data in the
caches of the CPU then, which takes a tenth less time. Dicts are made one by one: several of them overflow the caches.
Whatever is no single document on a line is read on its own, as `documents` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from io import BufferedReader, BytesIO
from itertools import chain, filterfalse, islice
from json import JSONDecodeError
from typing import Any, Protocol

import msgspec

from slips.errors import RecordError
from slips.format import Bad, Event, Format, Limited, Read, Record, RecordLimits, TooLong, reader
from slips.parsing.contains import BLOCK as LINES_AT_ONCE
from slips.parsing.contains import CONTAINS_RULE, Skipped, skim
from slips.parsing.json_brackets import is_text_deeper
from slips.parsing.json_strict import is_strict
from slips.parsing.json_syntax import JsonSyntax
from slips.parsing.json_text import (
    LARGE,
    MORE_LEVELS,
    decode_many,
    event_decoder,
    load_json,
    load_odd_json,
    refuse_other,
)
from slips.parsing.readers.documents import DocumentRecords
from slips.parsing.readers.json_documents import DocumentText
from slips.parsing.readers.json_runs import decode_first
from slips.parsing.readers.json_stream import BLOCK, BOM
from slips.parsing.readers.lines import HEAD, LineStream, behind_marks, behind_padding
from slips.parsing.readers.text import PADDING, look
from slips.parsing.search import holds_several

LINES = "json-lines"
"""The name of the reader of `json_lines`."""
LINE = 500_000
"""Bytes of a line that are read at once. A longer one is read document by document. A constant, as it decides how
records are numbered; and within the default limits, whatever its values are."""
PIECE = 1 << 17
"""Bytes of a line that are decoded at first: what a decoder makes of them is lost if the line is longer."""
LOOK = 1 << 20
"""Bytes in which a document that the first line begins must end, or be sound so far. A constant, as it decides how
records are numbered."""
RUN, MOST = 96 << 10, 64
"""Bytes of lines that are decoded in a row, and most lines."""
LONG = 1 << 15
"""Bytes of a line that is decoded on its own."""

REFUSALS = (Exception,)
"""Errors of a decoder that makes no event of a line: the code of a Struct in an event may raise anything, and fields
that no Struct has may be nested deeper than Python can hold. A dict decides then."""

_BLANK_LINES = re.compile(rb"(?:[ \t\r]*+\n)++")
_BLANKS = re.compile(r"[ \t\n\r]*+")
# Short values one behind another, each as a decoder takes it: a line of nothing else is passed over in one step.
_SHORT = re.compile(
    r"""
    (?: (?: -?(?: 0(?![.eE]) | [1-9][0-9]{0,17}+(?![0-9.eE]) ) | "(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt])*+"
    | true | false | null | \{\} | \[\] ) [ \t\n\r]*+ )++
    """,
    re.VERBOSE,
)
_KINDS = (b"{", b"[")
_LEVELS = 200
"""Levels that any Python can decode."""
_BEGIN = frozenset(b"{")


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
        numbering=3,
    )
    return declared(read)


class Decoding(Protocol):
    """Decodes lines to something else than dicts."""

    def decode(self, line: bytes, /) -> Any:
        """Decode a line. Raises one of REFUSALS for one that is no document, does not fit, or is too deep."""

    def keep(self, run: Sequence[Any], lines: Sequence[bytes], /) -> None:
        """Note the events that are yielded next, and the line of each."""


class LineDocumentRecords(DocumentRecords):
    """The documents of an object whose lines are documents, as a rule."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits) -> None:
        super().__init__(stream, limits)
        self._decode = event_decoder(limits.depth)
        self._size = min(LINE, limits.bytes, 2 * limits.values)
        """Bytes so few that no document of them exceeds the limits, but for its depth."""
        self._line = b""
        """The line that holds what was yielded last, unless `_text` has it, or there is a run."""
        self._run: Sequence[Any] = ()
        """The events of a run, and below the line of each."""
        self._lines: Sequence[bytes] = ()
        self._decoding: Decoding | None = None
        self.decodes = True
        """If not, a line is yielded as a text. Whoever cannot decode it to one event calls `first_of`."""
        self._others: Iterator[Record] | None = None
        """The records behind the first one of the text yielded last, if `first_of` was called with it."""
        self._instead: tuple[Any, Record] | None = None
        """The last event or text in whose place a record was read, and that record."""

    def decode_by(self, decoding: Decoding) -> None:
        """Let most events be those of `decoding`, which are no dicts; `record_of` returns the record for one."""
        self._decoding, self._decode = decoding, decoding.decode

    def raw_of(self, event: Event) -> bytes | None:
        if self._text:
            return self._text.raw_of(event)
        if not self._run:
            return self._line
        if len(self._run) == 1:
            return self._lines[0]
        return next((line for line, each in zip(self._lines, self._run, strict=False) if each is event), None)

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        return chain.from_iterable(self._parts(stream))

    def _parts(self, stream: BufferedReader) -> Iterator[Iterable[Record]]:
        mode = _Mode()
        data, stream, is_all = look(stream, LOOK, mode)
        if mode.is_documents(data, is_all):
            yield super().cut(stream)
        elif self.wanted or not self.decodes or self._size < LINE:
            yield self._one_by_one(stream)
        elif self._decoding is not None and self._size > LONG:
            yield from self._runs(stream, self._decoding)
        else:
            yield self._dicts(stream)

    def _dicts(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the events of lines, and the records of each line that is odd."""
        decode = self._decode
        lines = iter(partial(stream.readline, PIECE), b"")
        while True:
            for line in lines:
                try:
                    event = decode(line)
                except (ValueError, msgspec.MsgspecError) as refusal:
                    if len(line) == PIECE and not line.endswith(b"\n"):
                        line += stream.readline(self._size - PIECE)  # noqa: PLW2901 - the rest of it
                        while len(line) >= PIECE:  # one long line announces more of them
                            yield from self._records_of(stream, line)
                            line = stream.readline(self._size)  # noqa: PLW2901
                        if line:
                            yield from self._records_of(stream, line)
                        self._run = ()
                    elif line.isspace():
                        break
                    else:
                        yield from self.odd(stream, line, refusal)
                    decode = self._decode
                else:
                    self._line = line
                    yield event
            else:
                return
            lines = _lines_between_blank_ones(stream)  # one announces more of them

    def _runs(self, stream: BufferedReader, decoding: Decoding) -> Iterator[Iterable[Record]]:
        """Yield the events of lines that are decoded in a row, and the records of each line that is odd."""
        following = iter(partial(stream.readline, LONG), b"")
        count, error, has_blanks = 1, None, False
        while error is None:
            lines: list[bytes] = []
            try:
                lines.extend(islice(following, count))
            except Exception as raised:  # noqa: BLE001 - raised again behind the lines before it
                error = raised
                while lines and not lines[-1].endswith(b"\n"):
                    lines.pop()  # pieces of a line that is cut off: it is no record
            if not lines:
                break
            run = list[Any]()
            longest = max(map(len, lines))
            if has_blanks and longest < LONG:
                lines = [*filterfalse(bytes.isspace, lines)]
            if longest < LONG and longest * count <= 4 * RUN:
                with suppress(*REFUSALS):  # the line behind those of the run is odd
                    run.extend(map(decoding.decode, lines))
            if run:
                self._keep(run, lines)
                yield run
            if len(run) < len(lines):
                has_blanks |= lines[len(run)].isspace()  # one blank line announces more of them
                ahead = _Ahead(stream, lines[len(run) :])
                while ahead.lines:
                    yield self._records_of(ahead, ahead.readline(self._size))
            if longest * count > RUN:
                count = max(1, RUN // longest)
            elif count < MOST and 2 * count * longest <= RUN:
                count *= 2
            self._run = lines = run = []  # freed before the next run is decoded, into the same memory
        if error is not None:
            raise error

    def _one_by_one(self, stream: BufferedReader) -> Iterator[Record]:
        """Yield the records of lines, of which a prefilter wants some, or which are not to be decoded, or may be over
        the limits."""
        wanted, size, decodes = self.wanted, self._size, self.decodes
        lines: Iterator[Any] = iter(partial(stream.readline, size), b"")
        finds = self.finds
        if finds and size >= 2 * LINES_AT_ONCE:
            lines = skim(stream, lambda block: [*finds(block), block.several()], _BEGIN, size)
        for line in lines:
            if wanted:
                if line.__class__ is Skipped:
                    yield line
                    continue
                if line > b"!" and not wanted(line) and _is_one(line) and len(line) < size:
                    yield CONTAINS_RULE
                    continue
            if not decodes and line > b"!" and len(line) < size and (not wanted or _is_one(line)):
                self._others = None
                yield line
                if self._others is not None:
                    yield from self._others
            else:
                yield from self._records_of(stream, line)

    def _records_of(self, stream: LineStream, line: bytes) -> Iterable[Record]:
        """Return the records of a line, which may go on in the stream."""
        if len(line) >= self._size:
            return self.odd(stream, line)
        if line.isspace():
            return ()
        try:
            if len(line) >= LARGE and not is_strict(line):
                return self.odd(stream, line)
            run = [decode_many(line, self._decode)]
        except REFUSALS:
            return self.odd(stream, line)
        self._keep(run, [line])
        return run

    def _keep(self, run: Sequence[Any], lines: Sequence[bytes]) -> None:
        """Note the events that are yielded next, and the line of each."""
        self._run, self._lines = run, lines
        if self._decoding is not None:
            self._decoding.keep(run, lines)

    def record_of(self, event: Any) -> Record:
        """Return the record in place of an event of `decode_by`, whose line is one record: all of it was decoded."""
        run, lines = self._run, self._lines
        record, *_ = self.odd(_Ahead(None, []), self.raw_of(event) or b"")
        self._run, self._lines = run, lines
        self._instead = (event, record) if isinstance(record, Bad) else None
        return record

    def first_of(self, line: bytes) -> Record:
        """Return the first record of a line that was yielded as a text. The others are yielded next."""
        self._others = self.odd(_Ahead(None, []), line)
        record = next(self._others)
        self._instead = (line, record)
        return record

    def original(self, record: Record) -> Record:
        return super().original(self._instead[1] if self._instead and record is self._instead[0] else record)

    def odd(self, stream: LineStream, line: bytes, refusal: Exception | None = None) -> Iterator[Record]:
        """Yield the records of a line that the decoder did not make an event of. The line may go on in the stream.

        `refusal` is the error of an `event_decoder`, if that decoded the line last.
        """
        if line.isspace():
            return
        if not line[0]:
            yield PADDING
            line, refusal = behind_padding(stream, line, self._size), None
            if not line or line.isspace():
                return
        if len(line) >= self._size and not line.endswith(b"\n"):
            line += stream.readline(LINE - len(line))
        is_whole = line.endswith(b"\n") or len(line) < LINE
        may_be_one = is_whole and not line.lstrip().startswith(b"[")
        if may_be_one and (record := self._one(line, refusal)) is not None:
            yield record
            return
        self._text = text = DocumentText(BytesIO(line) if is_whole else _Line(stream, line), self._limits, BLOCK)
        yield from text.records_of(text.documents())
        self._text = None

    def _one(self, line: bytes, refusal: Exception | None) -> Record | None:
        """Return the record of a whole line, if it is one alone, whatever the limits are."""
        if line.startswith(BOM):
            line, refusal = behind_marks(line), None
        content, most = line.removesuffix(b"\n").removesuffix(b"\r"), self._limits.bytes
        text = content.lstrip()
        try:
            if text.startswith(BOM):
                raise RecordError("record has byte order marks alone; expected a JSON document")
            if len(content) > most:
                return TooLong(len(content), most, content[:HEAD]) if _is_one(text) else None
            if refusal and len(line) < LARGE:
                value = load_odd_json(line, self._limits, refusal)
            else:
                refuse_other(line)
                value = load_json(line, self._limits)
        except RecordError as error:
            return Bad(len(content), content[:HEAD], error) if _is_one(text.lstrip(BOM)) else None
        if value.__class__ is not dict:
            return None
        if self._decoding is None:
            # One deep document in a log announces more of them.
            self._decode = event_decoder(self._limits.depth, MORE_LEVELS)
        self._line, self._run = line, ()
        event: Event = value
        return event


def _lines_between_blank_ones(stream: BufferedReader) -> Iterator[bytes]:
    """Yield lines that are not blank, of PIECE bytes at most, and skip the others many at once."""
    while line := stream.readline(PIECE):
        if not line.isspace():
            yield line
        elif skipped := _BLANK_LINES.match(stream.peek()):
            stream.read(skipped.end())


def _is_one(line: bytes) -> bool:
    """Whether a line is one record, whole or broken: no array, and no line with several documents."""
    return not line.startswith((b"[", BOM)) and not holds_several(line)


class _Line:
    """The rest of a line that begins with `line`, as a stream of its own."""

    def __init__(self, stream: LineStream, line: bytes) -> None:
        self._stream, self._piece = stream, line
        self._has_ended = False

    def read1(self, size: int, /) -> bytes:
        piece, self._piece = self._piece[:size], self._piece[size:]
        if not piece and not self._has_ended:
            piece = self._stream.readline(size)
        self._has_ended |= not self._piece and piece.endswith(b"\n")
        return piece


class _Ahead:
    """A stream of which some lines, or pieces of long ones, have been read already."""

    def __init__(self, stream: LineStream | None, lines: list[bytes]) -> None:
        self._stream, self.lines = stream, lines

    def readline(self, size: int, /) -> bytes:
        """Return the rest of the line, at most `size` bytes; none at the end."""
        parts = []
        while size:
            piece = self.lines.pop(0) if self.lines else self._stream.readline(size) if self._stream else b""
            if len(piece) > size:
                self.lines.insert(0, piece[size:])
                piece = piece[:size]
            parts.append(piece)
            size -= len(piece)
            if not piece or piece.endswith(b"\n"):
                break
        return b"".join(parts)


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
        if is_strict(first):
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
            at = _end_of_first(lines, text) if not at else decode_first(text, at)[1]
        except JSONDecodeError as error:
            return unknown if error.pos >= len(text.rstrip()) else False
        except (RecursionError, ValueError):
            return False
        if at > line_end:
            return True
        for passed in (_BLANKS, _SHORT):
            found = passed.match(text, at, line_end)
            at = found.end() if found else at
    return False


def _end_of_first(lines: bytes, text: str) -> int:
    """Return where the first value of a text ends, which is also given as bytes.

    Raises JSONDecodeError, RecursionError or ValueError, as `decode_first` does.
    """
    if len(lines) < LARGE or is_text_deeper(lines, _LEVELS):
        return decode_first(text, 0)[1]
    syntax = JsonSyntax()  # does not make what is then thrown away
    end = syntax.feed(lines, is_last=True)
    if not syntax.is_sound:
        raise syntax.refusal(lines, text) or RecursionError  # in no local, whose frame it would keep with the text
    return len(lines[:end].decode("utf-8", "surrogateescape"))
