"""Reads tar archives (ustar, pax, GNU), compressed or not: each file in one is a member. Nothing is kept in memory.

`tarfile` of the standard library keeps every header, reads names of any length, and skips what is behind the end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, NamedTuple, cast

from slips.errors import ReaderError
from slips.format import ArchiveMember, archive
from slips.parsing.readers.text import EMPTY
from slips.parsing.readers.zip_members import NO_LOG, is_no_log, name_of_file

BLOCK = 512
NAMES_BYTES = 1 << 20
"""Most bytes of the names and other notes before a file."""

_FILES = (b"0", b"\0", b"7")
_FOLDER, _SPARSE, _LONG_NAME = b"5", b"S", b"L"
_NOTES = (b"x", b"X")
_NAMES = (_LONG_NAME, b"K", *_NOTES, b"g")
"""Blocks before a file with its name, the name of what it links to, notes on it, or on all files."""
_WITHOUT_BYTES = (b"1", b"2", b"3", b"4", b"6", b"V")
"""Links, devices, pipes, the label of a volume."""
_SIZE = re.compile(r"[0-9]{1,18}")


@archive(
    "tar",
    summary="each file in a tar archive, compressed or not, is read by the formats behind",
    reference="https://www.gnu.org/software/tar/manual/html_node/Standard.html",
    rules=(NO_LOG, EMPTY),
)
def tar_archive(stream: BufferedReader) -> Iterator[ArchiveMember]:
    """Yield the files. A sparse one is broken. Archives may stand one behind another.

    Raises ReaderError, behind all files before it, for a header that is none, and for an archive that is cut off.
    """
    long_name, notes = b"", dict[str, str]()
    while block := stream.read(BLOCK):
        if not block.strip(b"\0"):  # two such blocks are the end; padding may follow, or a further archive
            continue
        header = _header(block)
        if header.kind in _NAMES:
            text = _FileBytes(stream, header.size).read_all(NAMES_BYTES)
            _FileBytes(stream, -header.size % BLOCK).skip()
            if header.kind == _LONG_NAME:
                long_name = text.rstrip(b"\0")
            elif header.kind in _NOTES:
                notes = _pax(text)
            continue
        name = notes.get("path") or _text(long_name or header.name)
        size = int(notes["size"]) if _SIZE.fullmatch(notes.get("size", "")) else header.size
        is_sparse = header.kind == _SPARSE or any(note.startswith("GNU.sparse") for note in notes)
        long_name, notes = b"", {}
        if header.kind == _FOLDER:
            continue
        if header.kind in _WITHOUT_BYTES:
            yield ArchiveMember(name_of_file(name), NO_LOG)
            continue
        more = header.is_extended
        while more:
            block = _FileBytes(stream, BLOCK).read_all(BLOCK)
            more = block[504] != 0
        rest = _FileBytes(stream, size)
        if is_sparse:
            yield ArchiveMember(
                name_of_file(name), ReaderError("tar: the file is sparse; expected one with all of its bytes")
            )
        elif header.kind not in _FILES:
            yield ArchiveMember(
                name_of_file(name), ReaderError(f"tar: a file of kind {header.kind!r}; expected a plain one")
            )
        elif not name.endswith("/"):  # as old archives have folders
            yield ArchiveMember(name_of_file(name), NO_LOG if is_no_log(name) else cast("BinaryIO", rest))
        rest.skip()
        _FileBytes(stream, -size % BLOCK).skip()


class _TarHeader(NamedTuple):
    name: bytes
    size: int
    kind: bytes
    is_extended: bool
    """Whether blocks with the map of a sparse file follow."""


def _header(block: bytes) -> _TarHeader:
    if len(block) < BLOCK:
        raise ReaderError("tar: the archive ends within a header; it is cut off or still being written")
    stored = _number(block[148:156])
    # Old archives have sums of signed bytes.
    summed = block[:148] + b" " * 8 + block[156:]
    if stored not in (sum(summed), sum(byte - 256 * (byte > 127) for byte in summed)):
        raise ReaderError("tar: what should be the header of a file is none; expected a tar archive, undamaged")
    name = block[:100].partition(b"\0")[0]
    size, kind = _number(block[124:136]), block[156:157]
    if size is None or size < 0:
        raise ReaderError(f"tar: the size of file {_text(name)!r} cannot be read; expected an undamaged archive")
    if block[257:263] == b"ustar\0" and (prefix := block[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    return _TarHeader(name, size, kind, kind == _SPARSE and block[482] != 0)


def _number(field: bytes) -> int | None:
    """Return a number of a header: octal digits, or GNU's binary form. None: it is none."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:]) - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    digits = field.partition(b"\0")[0].strip()
    try:
        return int(digits or b"0", 8)
    except ValueError:
        return None


def _pax(text: bytes) -> dict[str, str]:
    """Return the notes of a pax header: `27 path=…`, each with its length. What is broken is left out."""
    found: dict[str, str] = {}
    at = 0
    while (blank := text.find(b" ", at, at + 12)) > 0 and text[at:blank].isdigit():
        length = int(text[at:blank])
        key, _, value = text[blank + 1 : at + length - 1].partition(b"=")
        if length <= blank - at or not key:
            break
        found[_text(key)] = _text(value)
        at += length
    return found


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class _FileBytes(io.RawIOBase):
    """The next bytes of a stream, as many as a file has. Raises ReaderError if the stream ends before."""

    def __init__(self, stream: BufferedReader, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._stream.read1(wanted) if wanted else b""
        if wanted and not data:
            raise ReaderError(
                f"tar: the archive ends {self._left:,} bytes before the file does; it is cut off or still being "
                "written; deliver it again"
            )
        self._left -= len(data)
        return data

    def read_all(self, most: int) -> bytes:
        """Read to the end. Raises ReaderError for more than `most` bytes."""
        if self._left > most:
            raise ReaderError(
                f"tar: the name of a file, with notes, has {self._left:,} bytes; expected {most:,} or less"
            )
        return b"".join(iter(lambda: self.read(most), b""))

    def skip(self) -> None:
        """Read to the end."""
        while self.read(1 << 16):
            pass
