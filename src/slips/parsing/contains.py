"""The prefilter of a mapping, `contains`: leaves out records that have none of its texts, before they are parsed.

A record has a text if the text occurs in its bytes, or in a key or value of JSON in it: of the record itself, of what
stands behind a header, or of a text within other JSON. The bytes alone decide where they can: JSON may escape
characters, so a record that has such an escape is decoded in case of doubt. It is never left out for what is wrong with
it, nor kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from typing import Any

import msgspec

from slips.chunks import LongReads
from slips.errors import RecordError, RecordTooLarge
from slips.format import Bad, Record, RecordLimits, Rule
from slips.parsing.json_text import load_json
from slips.parsing.search import Block, Find, blocks

CONTAINS_RULE = Rule("contains", "records that have none of the texts of their mapping's 'contains'")

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CHARACTERS = {written[1]: character for character, written in _SHORT_ESCAPES.items()}
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})++|\\[\"\\/bfnrt]")
"""Escapes behind one another of code units, which may be halves of a character; or another escape."""
NESTED = 8
"""Most times that JSON within JSON is read."""
BLOCK = 1 << 17
"""Bytes of lines that `skim` reads at once."""

Finds = Callable[[Block], Sequence[Find]]
"""Returns functions for a block: if none of them finds anything in a record of it, the record has none of the texts."""
RawOf = Callable[[Any], bytes | None]
"""Returns the text of an event that a reader has yielded, None if it has none."""


class Skipped(Rule, frozen=True):
    """Stands for several records, one behind another, that have none of the texts."""

    count: int = 1


def numbered(records: Iterable[Record], seq: int = 0) -> Iterator[tuple[int, Record]]:
    """Yield records with their numbers, behind `seq`; what is Skipped, with the number of its last record."""
    for record in records:
        seq += record.count if isinstance(record, Skipped) else 1
        yield seq, record


def skim(stream: BufferedReader, finds_of: Finds, begins: frozenset[int], size: int) -> Iterator[bytes | Skipped]:
    """Yield the lines of a stream, and in place of lines in which nothing is found how many these are.

    All lines are yielded that have another first byte than one of `begins`, or `size` bytes, 2 * BLOCK at the least; of
    blank lines perhaps none. A line of more than `size` bytes may go on in the stream.
    """
    rest = b""
    block_of, stored = blocks(), LongReads(stream, BLOCK)
    while data := stored.read():
        at = count = 0
        if rest:
            data = rest + data  # faster than to search the line alone that begins with the rest
            end = data.find(b"\n", len(rest)) + 1
            if not 0 < end < size:
                yield data[:end] if end else data + stored.readline(size - len(data))
                at = end or len(data)
        next_end = data.find
        finds = finds_of(block_of(data))
        places = [_place(find, at, len(data)) for find in finds]
        place = min(places)
        while end := next_end(b"\n", at) + 1:
            if end <= place and data[at] in begins:
                count += 1
            else:
                if count:
                    yield Skipped(CONTAINS_RULE.name, CONTAINS_RULE.summary, count=count)
                    count = 0
                if not (line := data[at:end]).isspace():
                    yield line
                if place < end:
                    # Each place is looked for once: a block takes time in proportion to its bytes, whatever they are.
                    for number, found in enumerate(places):
                        if found < end:
                            places[number] = _place(finds[number], end, len(data))
                    place = min(places)
            at = end
        if count:
            yield Skipped(CONTAINS_RULE.name, CONTAINS_RULE.summary, count=count)
        rest = data[at:]  # read on with the next block: `readline` would fill the buffer of the stream
    if rest:
        yield rest


def _place(find: Find, at: int, otherwise: int) -> int:
    place = find(at)
    return otherwise if place < 0 else place


class Contains:
    """The texts of a mapping, of which a record must have one."""

    def __init__(self, texts: Sequence[str], limits: RecordLimits) -> None:
        self.texts = tuple(texts)
        self._raws = tuple(text.encode() for text in texts)
        self._limits = limits
        characters = set("".join(texts))
        units = {unit for each in characters for unit in _utf16(each)}
        # Most logs with escapes have `\u003c` and its like, or none but `\"`: cheap tests of that come first.
        self._beginnings = [*(["\\u00"] if max(units) < 0x100 else ["\\u"])]
        self._beginnings += [_SHORT_ESCAPES[each] for each in characters & _SHORT_ESCAPES.keys()]
        short = [re.escape(_SHORT_ESCAPES[each]) for each in sorted(characters & _SHORT_ESCAPES.keys())]
        # A backslash may be that of an escape in JSON within JSON.
        long = "|".join(f"{unit:04x}" for unit in sorted(units | {ord("\\")}))
        self._escapes = [each.encode() for each in self._beginnings]
        doubtful = "|".join([*short, rf"\\u(?:{long})"])
        self._doubtful = re.compile(doubtful.encode(), re.IGNORECASE)
        self._doubtful_text = re.compile(doubtful, re.IGNORECASE)
        self._has_quotes = '"' in characters
        literals = [*self._raws, *([b'""'] if self._has_quotes else [])]
        self._literals = literals

    def finds(self, block: Block) -> list[Find]:
        """Return functions of which one finds something in each record of the block that has one of the texts."""
        # Most logs have no backslash.
        texts = self._literals + self._escapes if b"\\" in block.data else self._literals
        return [partial(block.find, text) for text in texts]

    def filter(
        self, records: Iterable[Record], raw_of: RawOf, show: Callable[[int, Record], None] | None
    ) -> Iterator[Record]:
        """Yield the records of a reader, and in place of each that has none of the texts CONTAINS_RULE.

        `raw_of` returns the text of an event. `show`: see `Chain`.
        """
        has_text, has = self.has_text, self._has
        for seq, record in enumerate(records, 1):
            if has_text(record) if isinstance(record, bytes) else has(record, raw_of):
                yield record
            else:
                if show is not None:
                    show(seq, record)
                yield CONTAINS_RULE

    def has_text(self, raw: bytes) -> bool:
        """Whether one of the texts is in a record."""
        for text in self._raws:
            if text in raw:
                return True
        if self._has_quotes and b'""' in raw and self._is_in(raw.replace(b'""', b'"')):  # of CSV
            return True
        if b"\\" not in raw:
            return False
        for escape in self._escapes:
            if escape in raw and self._doubtful.search(raw):
                return self._is_in_decoded(raw)
        return False

    def _has(self, record: Record, raw_of: RawOf) -> bool:
        """Whether one of the texts is in a record that is no text. If the reader had no whole record, it may be."""
        if isinstance(record, Rule):  # of CONTAINS_RULE and Skipped, the reader has asked before it decoded the record
            return True
        if isinstance(record, Bad):
            return record.size > len(record.head) or self.has_text(record.head)
        raw = raw_of(record)
        if raw is not None:
            return self.has_text(raw)
        try:
            return self.has_text(msgspec.json.encode(record))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return self._occurs(record)

    def _is_in(self, raw: bytes) -> bool:
        return any(text in raw for text in self._raws)

    def _is_in_decoded(self, raw: bytes) -> bool:
        """Whether one of the texts is in a record that has escapes: in a key or value of JSON, or, if it is no JSON
        itself, anywhere in it once its escapes are read as JSON reads them.
        """
        try:
            value = load_json(raw, self._limits)
        except RecordTooLarge:
            return True
        except RecordError:
            return self._is_in_unescaped(raw.decode("utf-8", "surrogateescape"))
        return self._occurs(value)

    def _occurs(self, value: Any) -> bool:
        """Whether one of the texts is in a key or a text of a value, at any depth, also in JSON within a text."""
        left = [value]
        while left:
            each = left.pop()
            if isinstance(each, str):
                if self._is_in_text(each) or (self._may_hold_json(each) and self._is_in_unescaped(each)):
                    return True
            elif isinstance(each, dict):
                left += each
                left += each.values()
            elif isinstance(each, list):
                left += each
        return False

    def _is_in_unescaped(self, text: str) -> bool:
        """Whether one of the texts is in a text, once the escapes of JSON in it, and of JSON within that, are read.

        JSON within more than NESTED others is not read, since each takes time: one of the texts may be there.
        """
        if self._has_quotes and '""' in text and self._is_in_unescaped(text.replace('""', '"')):  # of CSV
            return True
        for _ in range(NESTED):
            text = _ESCAPE.sub(_unescaped, text)
            if self._is_in_text(text):
                return True
            if not self._may_hold_json(text):
                return False
        return True

    def _is_in_text(self, text: str) -> bool:
        return any(each in text for each in self.texts)

    def _may_hold_json(self, text: str) -> bool:
        """Whether there may be JSON in a text in which one of the texts is written with escapes."""
        return "\\" in text and ("{" in text or "[" in text) and self._doubtful_text.search(text) is not None


def _unescaped(escape: re.Match[str]) -> str:
    """Return the characters of escapes of JSON. A half of a character that stands alone stays one."""
    written = escape[0]
    if written[1] != "u":
        return _CHARACTERS[written[1]]
    return bytes.fromhex(written.replace("\\u", "")).decode("utf-16-be", "surrogatepass")


def _utf16(character: str) -> list[int]:
    """Return the code units of a character, as JSON escapes it: two for one beyond U+FFFF."""
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]
