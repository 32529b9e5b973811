"""Opens the container of an unknown log: the content of the longest file of an archive is what formats are tried on.

What cannot be opened is a ReaderError with the reason.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from slips.codec import CodecLimits, decode
from slips.errors import ObjectError, ReaderError
from slips.format import Rule
from slips.formats import catalogue
from slips.inference.trial import try_chain
from slips.model import ObjectEvent
from slips.parsing.readers.binary import BYTES, binary_kind, refuse_binary

HEAD = 1 << 22
"""Bytes of a log, decompressed, that are looked at."""
WHOLE = 1 << 26
"""Most bytes of a log that has its directory at its end."""
ROWS, ROWS_BYTES = 40, 1 << 20
"""Rows of a Parquet file of more bytes that are looked at: it is read once for each format."""
_MEMBERS, _LEVELS = 8, 4
"""Files of an archive of which the longest is looked at, and archives in one another."""
_ARCHIVES = {"a zip archive": "zip", "a tar archive": "tar"}
PARQUET = "parquet"
_ENDS = {"a zip archive", "a Parquet file"}
"""Kinds of file whose directory is at their end."""
_LOOKED_AT, _FEW_BYTES = 1_000, 16
"""Bytes by which a log without a byte order mark is known to be in UTF-16 or no text; too few to say."""
_NO_TEXT = 0.05
"""The share of control characters from which on bytes are no text, in whatever encoding of a byte for each letter."""
_CONTROLS = bytes(set(range(1, 32)) - set(b"\a\b\t\n\v\f\r\x1b"))
"""Control characters that no log has. NUL may be padding."""
_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE)


class OpenedLog(Struct, frozen=True):
    """The content of a log without the archives around it."""

    content: bytes
    whole: bool
    """Whether that is all of it."""
    archives: tuple[str, ...] = ()
    """The steps that open the archives, the outermost first."""
    is_parquet: bool = False
    others: dict[str, Head] = {}
    """The beginnings of the first other files of the innermost archive, by name."""


class Head(NamedTuple):
    """The beginning of a log, decompressed."""

    content: bytes
    whole: bool = True
    """Whether that is all of it."""
    damage: str = ""
    """Why it cannot be read on; else empty."""


def read_head(stream: io.BufferedReader) -> Head:
    """Return the first bytes of a log, and whether they are all: of a file whose directory is at its end, all of it.

    Of a damaged stream, these are the bytes before the damage. Raises ObjectError if there are none, and ReaderError
    for a file of more than WHOLE bytes that has its directory at its end.
    """
    head, most, kind = bytearray(), HEAD, ""
    try:
        while len(head) <= most and (part := stream.read1(most + 1 - len(head))):
            head += part
            if len(head) > HEAD == most:
                kind = binary_kind(bytes(head[:BYTES])) or ""
                most = WHOLE if kind in _ENDS else HEAD
    except ObjectError as error:
        if not head:
            raise
        return Head(bytes(head), False, str(error))
    if len(head) > most == WHOLE:
        raise ReaderError(
            f"{kind} of more than {WHOLE:,} bytes; expected a smaller one, as its directory is at its end; name a "
            "smaller log of the same kind, or a file of the archive"
        )
    return Head(bytes(head[:most]), len(head) <= most)


def open_containers(content: bytes, *, whole: bool) -> OpenedLog:
    """Take the archives off a log. Raises ReaderError for what is no text, cannot be opened, or has no file."""
    archives: list[str] = []
    others: dict[str, Head] = {}
    while (archive := _ARCHIVES.get(binary_kind(content) or "")) and len(archives) < _LEVELS:
        (content, whole, _), others = _longest(archive, content)
        archives.append(archive)
    if binary_kind(content) == "a Parquet file":
        return OpenedLog(_first_rows(content), True, tuple(archives), is_parquet=True)
    refuse_binary(content)
    if _is_unmarked(content):
        raise ReaderError(
            "every other byte is NUL, as in UTF-16 without a byte order mark; expected UTF-8, or UTF-16 with the mark; "
            "write it so"
        )
    if controls := _controls(content):
        raise ReaderError(
            f"no text: {controls} of its first {_LOOKED_AT:,} bytes are control characters; expected text, plain or "
            "compressed; if it is a log, declare a reader of your own"
        )
    return OpenedLog(content, whole, tuple(archives), others=others)


def _longest(archive: str, content: bytes) -> tuple[Head, dict[str, Head]]:
    """Return the longest of the first files of an archive, and the others by name. Raises ReaderError."""
    found: dict[str, Head] = {}
    problems: list[ObjectError] = []
    members = catalogue()[archive].members
    assert members is not None  # noqa: S101 - it is an archive
    try:
        for member in islice(members(io.BufferedReader(io.BytesIO(content))), _MEMBERS):
            if isinstance(member.body, ReaderError):
                problems.append(ReaderError(f"member {member.name!r}: {member.body}"))
            elif not isinstance(member.body, Rule):
                try:
                    found[member.name] = read_head(decode(member.body, CodecLimits(), f"member {member.name!r}").stream)
                except ObjectError as error:
                    problems.append(error)
    except ReaderError as error:
        problems.append(error)
    found = {name: each for name, each in found.items() if each.content.strip()}
    if not found:
        raise ReaderError(str(problems[0]) if problems else f"{archive}: no file with a log in the first {_MEMBERS}")
    longest = max(found, key=lambda name: len(found[name].content))
    return found.pop(longest), found


def _first_rows(content: bytes) -> bytes:
    """Return a Parquet file of the first rows. Raises ReaderError for one that cannot be read, or has no row."""
    trial = try_chain([PARQUET], content, ObjectEvent(bucket_name="", object_key=""), ROWS, whole=True)
    if not trial.events:
        raise ReaderError(trial.reason or "parquet: the file has no row; expected one with rows")
    if len(content) <= ROWS_BYTES:
        return content
    from arro3.io import read_parquet, write_parquet  # the rows were read by it

    rows = io.BytesIO()
    write_parquet(next(iter(read_parquet(io.BytesIO(content), batch_size=ROWS))), rows)
    return rows.getvalue()


def _is_unmarked(content: bytes) -> bool:
    """Whether a log is in UTF-16 without a byte order mark, which no reader knows from other bytes."""
    head = content[:_LOOKED_AT]
    return (
        len(head) > _FEW_BYTES
        and not head.startswith(_MARKS)
        and any(0 not in head[at::2] and head[1 - at :: 2].count(0) >= 0.8 * (len(head) // 2) for at in (0, 1))
    )


def _controls(content: bytes) -> int:
    """Return how many control characters the beginning of a log has, if these are too many for a text; else 0."""
    head = content[:_LOOKED_AT]
    found = len(head) - len(head.translate(None, _CONTROLS))
    return 0 if head.startswith(_MARKS) or found < _NO_TEXT * len(head) else found
