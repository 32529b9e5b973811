"""Names the kind of a file that is no text, by its first bytes: `PNG image`, `Parquet file`.

A text may begin as such a file does: `PAR1 is a magic number`, `GIF89a: …`. So a beginning that can be typed counts
only if a byte that no text has follows soon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from slips.errors import ReaderError

BYTES = 512
"""Bytes at the beginning of an object that are looked at: the header of a tar archive has that size."""

# A byte that no text has: a control character that is neither a blank, an escape nor a line end.
_ODD = rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]"
_SOON = rb"[^\x00-\x06\x0e-\x1a\x1c-\x1f]{0,24}" + _ODD

_SIGNATURES = (
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive"),
    (rb"PAR[1E]" + _SOON, "a Parquet file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"ORC" + _SOON, "an ORC file"),
    (rb".{257}ustar(?:\x00\d\d|  \x00)", "a tar archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"MSCF\x00\x00\x00\x00", "a cabinet archive"),
    (rb"\x89LZO\x00\r\n\x1a\n", "lzop data"),
    (rb"LZIP[\x00\x01]", "lzip data"),
    (rb"\x1f[\x9d\xa0]", "data of compress (.Z)"),
    (rb"(?:\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d)", "a pcap capture"),
    (rb"\x0a\x0d\x0d\x0a.{4}(?:\x4d\x3c\x2b\x1a|\x1a\x2b\x3c\x4d)", "a pcapng capture"),
    (rb"ElfFile\x00", "a Windows event log (evtx)"),
    (rb"\x30\x00\x00\x00LfLe", "a Windows event log (evt)"),
    (rb"LPKSHHRH" + _SOON, "a systemd journal"),
    (rb"regf" + _SOON, "a Windows registry hive"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"%PDF-[12]\.\d[ \t]*[\r\n]+(?:%[^\r\n]*[\x80-\xff]|\d+ \d+ obj\b)", "a PDF document"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG image"),
    (rb"\xff\xd8\xff[\xc0-\xfe]", "a JPEG image"),
    (rb"GIF8[79]a" + _SOON, "a GIF image"),
    (rb"BM.{4}\x00\x00\x00\x00", "a BMP image"),
    (rb"(?:II\x2a\x00|MM\x00\x2a)", "a TIFF image"),
    (rb"RIFF.{4}(?:WEBP|WAVE|AVI )", "an image, sound or video (RIFF)"),
    (rb"\x00\x00..ftyp", "a video (MP4)"),
    (rb"\x1a\x45\xdf\xa3", "a video (Matroska)"),
    (rb"\x7fELF[\x01\x02]", "an ELF program"),
    (rb"MZ" + _SOON, "a Windows program"),
    (rb"\xca\xfe\xba\xbe\x00", "a Java class or a macOS program"),
    (rb"[\xce\xcf]\xfa\xed\xfe", "a macOS program"),
    (rb"\xac\xed\x00\x05", "serialized Java objects"),
    (rb"\x80[\x02-\x05][\x95(\]}]", "a Python pickle"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"ARROW1\x00\x00", "an Arrow file"),
    (rb"\xff\xff\xff\xff..\x00\x00\x10\x00\x00\x00", "an Arrow stream"),
    (rb"SEQ[\x04-\x06]", "a Hadoop sequence file"),
    (rb"bplist00" + _SOON, "a binary property list"),
    (rb"\xe0\x01\x00\xea", "binary Ion data"),
    (rb"REDIS\d{4}[\xf5-\xff]", "a Redis dump"),
    (rb"Salted__" + _SOON, "data that OpenSSL encrypted"),
    (rb"\x78[\x01\x9c\xda]" + _SOON, "zlib data without a gzip header"),
    (rb"\x00asm\x01\x00", "a WebAssembly module"),
)
_KINDS = [kind for _, kind in _SIGNATURES]
_TYPED = re.sub(_ODD, b"", bytes(range(256)))
_SPLITS = {"an ORC file", "an Avro file"}
_FORMATS = {"a zip archive": "zip", "a tar archive": "tar", "a Parquet file": "parquet"}
"""Formats that read a kind of file, where a chain names them."""


class BinaryError(ReaderError):
    """An object is no text, and a format reads such objects if the chain names it."""

    def __init__(self, kind: str, step: str) -> None:
        super().__init__(_refusal(kind, f"write '{step}' into its chain, as in [{step}, …]"))
        self._kind, self._step = kind, step

    def with_chain(self, archives: Sequence[str], others: Sequence[str]) -> ReaderError:
        """Return the error that has the chain to write in it: the one in use had these steps."""
        if self._step == "parquet":  # it reads events: in place of the reader, and of `json`
            others = [step for step in others[1:] if step != "json"]
        chain = ", ".join((*archives, self._step, *others))
        return ReaderError(_refusal(self._kind, f"write the chain [{chain}], which reads it"))


def binary_kind(beginning: bytes) -> str | None:
    """Return the kind of an object that is no text, as `a zip archive`, by its beginning. None: it may be text."""
    head = beginning[:BYTES]
    if head.isascii() and not head.translate(None, _TYPED) and not head.startswith(b"%PDF-"):
        return None  # the usual case, in a microsecond
    found = _any().match(head)
    return _KINDS[found.lastindex - 1] if found and found.lastindex else None


@cache
def _any() -> re.Pattern[bytes]:
    """Return the pattern of all signatures, which takes a millisecond to compile: text needs none."""
    return re.compile(b"|".join(b"(%s)" % signature for signature, _ in _SIGNATURES), re.DOTALL)


def refuse_binary(beginning: bytes) -> None:
    """Raise ReaderError, with its name, for an object that is no text."""
    kind = binary_kind(beginning)
    if kind is None:
        return
    if kind in _FORMATS:
        raise BinaryError(kind, _FORMATS[kind])
    advice = (
        "let its writer write JSON lines or CSV, or read it with a reader of your own"
        if kind in _SPLITS
        else "let its writer write text, give its prefix the format 'ignore', or read it with a reader of your own"
    )
    raise ReaderError(_refusal(kind, advice))


def _refusal(kind: str, advice: str) -> str:
    return f"the object is {kind}; expected text, plain or compressed (gzip, zstd, bz2, xz, lz4, snappy); {advice}"
