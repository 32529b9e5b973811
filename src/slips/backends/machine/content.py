"""Identifies the content of a file: by a hash of its bytes, and by a stamp that saves reading the bytes again.

A stamp is made of size, times and inode of a file. If two stamps are equal, so is the content. If they differ, only the
hashes show whether the content differs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import BinaryIO

DIGITS = 32
"""Hexadecimal digits of a hash: 128 bits of SHA-256."""
_CHUNK = 1 << 16
"""Bytes of one read. A buffer of a megabyte would take longer to make than most small files to hash."""
_TICK = 0.02
"""Seconds within which a second change of a file may leave its times unchanged: the kernel's clock ticks every 10 ms at
most."""
_COARSE_TICK = 2 + _TICK
"""The same seconds on a file system whose times are whole seconds (ext3, HFS+), or even ones (FAT)."""


def stamp_of(status: os.stat_result) -> str:
    """Return the stamp of a file: its identity until the file is read. No hash and no identity of S3 contains `@`."""
    return f"{stamp_of_version_1(status)}@{status.st_ctime_ns:x}"


def stamp_of_version_1(status: os.stat_result) -> str:
    """Return the identity of a file in state directories of schema 1, which is the beginning of the stamp."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def is_stamp(identity: str) -> bool:
    """Whether an identity is a stamp, which stands for content that was not read."""
    return "@" in identity


def mtime_of(stamp: str) -> float:
    """Return the time of a stamped file's last change, in epoch seconds."""
    return int(stamp.partition("-")[0], 16) / 1e9


def size_of(stamp: str) -> int:
    """Return the size of a stamped file, in bytes."""
    return int(stamp.split("-")[1], 16)


def names_of(stamp: str) -> tuple[str, str]:
    """Return the identities, beside the hash, that the state may have of a file with this stamp: the stamp first."""
    return stamp, stamp.partition("@")[0]


def is_young(status: os.stat_result, now: float) -> bool:
    """Whether a further change of a file may leave its times unchanged, so that its stamp cannot identify its content.

    The ctime shows the resolution of the file system, since no program can set a ctime to a whole second.
    """
    tick = _TICK if status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK
    return now - status.st_ctime < tick


def names_of_young(stamp: str) -> tuple[str, ...]:
    """Return `names_of` a young file, with a first name that no listing announces, so that the file is hashed again."""
    return f"{stamp}@young", *names_of(stamp)


def hash_of(file: BinaryIO, progress: Callable[[int], None]) -> str:
    """Return the hash of a file's bytes, DIGITS hexadecimal digits. Rewinds the file before and after. Raises OSError.

    Calls `progress` now and then with the number of bytes read.
    """
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(_CHUNK))
    done = 0
    file.seek(0)
    while size := file.readinto(chunk):  # type: ignore[attr-defined]
        digest.update(chunk[:size])
        done += size
        progress(done)
    file.seek(0)
    return digest.hexdigest()[:DIGITS]
