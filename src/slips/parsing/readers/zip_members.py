"""Reads zip archives: each file in one is a member, in the order of the archive's directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import IO, BinaryIO, cast
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from slips.errors import ObjectError, ReaderError
from slips.format import ArchiveMember, Rule, archive
from slips.model import readable
from slips.parsing.readers.spool import spooled
from slips.parsing.readers.text import EMPTY

DIRECTORY_BYTES = 4 << 20
"""Most bytes of an archive's directory: in memory it takes some fifteen times as many."""
NAME = 1_000
"""Most characters of a member's name that are kept."""

NO_LOG = Rule(
    "no-log-file", "files in archives that are no logs: links, devices, resource forks and .DS_Store of macOS"
)
_NO_LOG = re.compile(r"(?:.*/)?(?:__MACOSX/.*|\._[^/]*|\.DS_Store)", re.DOTALL)
_METHODS = {ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2}
"""Methods of compression that are read. Of LZMA the archive says how much memory a file takes."""
_END_BYTES, _COUNT = 22 + (1 << 16), 1 << 16
"""Most bytes at the end of an archive that tell of its directory, with a comment; they count files in 16 bits."""
_BLANKS = b"\0\t\n\r "
_BEGINNINGS = b"PK\x03\x04", b"PK\x05\x06"
"""The first bytes of an archive, and of one without files. A directory beyond 4 GB is said to be at byte 2**32-1."""
_ENCRYPTED = 0x41
"""Bits of the flags of a file that is encrypted."""


@archive(
    "zip",
    summary="each file in a zip archive is read by the formats behind",
    reference="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",
    rules=(NO_LOG, EMPTY),
)
def zip_archive(stream: BufferedReader) -> Iterator[ArchiveMember]:
    """Yield the files. One that is encrypted, or compressed by a method that Python cannot read, is broken.

    Raises ReaderError for what is no zip archive, and for a directory of more than DIRECTORY_BYTES.
    """
    with spooled(stream) as file:
        directory = _Bounded(file)
        try:
            opened = ZipFile(cast("IO[bytes]", directory))
        except ObjectError:
            raise
        except Exception as error:  # noqa: BLE001 - the standard library raises exceptions of many classes for damage
            raise ReaderError(
                f"zip: the directory cannot be read: {error}; expected a whole zip archive; it may be cut off: "
                "deliver it again"
            ) from None
        with opened:
            directory.is_open = True
            infos = opened.infolist()
            for info in infos:
                if info.file_size or not info.is_dir():
                    yield ArchiveMember(name_of_file(info.filename), _body(opened, info))
            _check_end(file, len(infos), opened.start_dir)


def is_no_log(name: str) -> bool:
    """Whether a file is one that macOS puts beside others."""
    return _NO_LOG.fullmatch(name) is not None


def name_of_file(name: str) -> str:
    """Return the name of a file in an archive, which may be hostile, as a text that can be shown and stored."""
    return readable(name[:NAME])


def _body(opened: ZipFile, info: ZipInfo) -> BinaryIO | Rule | ReaderError:
    if is_no_log(info.filename) or (info.external_attr >> 16 & 0o170000) == 0o120000:  # a symbolic link of Unix
        return NO_LOG
    if info.flag_bits & _ENCRYPTED:
        return ReaderError("zip: the file is encrypted; expected one that is not; let its writer write it so")
    if info.compress_type not in _METHODS:
        return ReaderError(
            f"zip: the file is compressed by method {info.compress_type}; expected deflate, bzip2 or none; let its "
            "writer use one of these"
        )
    try:
        return cast("BinaryIO", _File(opened, info))
    except Exception as error:  # noqa: BLE001 - see above
        return _damaged(error)


def _damaged(error: Exception) -> ReaderError:
    return ReaderError(f"zip: the file cannot be read: {error}; expected an undamaged one; deliver the archive again")


def _check_end(file: BinaryIO, files: int, directory: int) -> None:
    """Raise ReaderError if there is more in the object than the archive whose `directory` begins at that byte.

    A program before it that unpacks it is no log, and blanks behind it are padding.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES))
    end = file.read()
    last = end[end.rfind(b"PK\x05\x06") :]
    if files % _COUNT != int.from_bytes(last[10:12], "little"):
        raise ReaderError(
            f"zip: the directory has {files:,} files; expected another number, by what is behind it; it is damaged: "
            "deliver the archive again"
        )
    behind = last[22 + int.from_bytes(last[20:22], "little") :]
    if behind.strip(_BLANKS):
        raise ReaderError(
            f"zip: {len(behind):,} bytes stand behind the archive; expected its end; they may be of another, "
            "which is cut off: deliver each by itself"
        )
    file.seek(0)
    before = directory - int.from_bytes(last[16:20], "little")
    if before > 0 and file.read(4) in _BEGINNINGS:
        raise ReaderError(
            f"zip: {before:,} bytes of another archive stand before this one; expected one in an object; deliver each "
            "by itself"
        )


class _Bounded:
    """The file of an archive, which refuses to read its directory if that is too large."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.is_open = False
        self.seek, self.tell, self.close = file.seek, file.tell, file.close
        self.seekable = lambda: True

    def read(self, size: int = -1) -> bytes:
        if not self.is_open and size > DIRECTORY_BYTES:
            raise ReaderError(
                f"zip: the directory has {size:,} bytes; expected {DIRECTORY_BYTES:,} or less, some 40,000 files; let "
                "its writer write several archives"
            )
        return self._file.read(size)


class _File:
    """The bytes of a file in an archive. Raises ReaderError for damage, behind all bytes before it."""

    def __init__(self, opened: ZipFile, info: ZipInfo) -> None:
        self._file = opened.open(info)

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except Exception as error:  # noqa: BLE001 - see above
            raise _damaged(error) from None
