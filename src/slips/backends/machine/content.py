"""Identifies the content of a file: by a hash of its bytes, and by a stamp that saves reading them again.

A stamp is size and times of a file as the system tells them. As long as it stays the same, so does the content; if it
differs, only the hash can say whether the content does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import BinaryIO

DIGITS = 32
"""Hexadecimal digits of a hash: 128 bits of SHA-256."""
_CHUNK = 1 << 20
_TICK = 0.02
"""Seconds within which a second change of a file may leave its times as they are: the kernel's clock ticks, every 10 ms
at most."""
_COARSE_TICK = 2 + _TICK
"""The same on a file system that keeps whole seconds (ext3, HFS+), or every second one (FAT)."""


def stamp_of(status: os.stat_result) -> str:
    """Returns the stamp of a file: its identity until it is read. `@` is in no hash and in no identity of S3."""
    return f"{stamp_of_version_1(status)}@{status.st_ctime_ns:x}"


def stamp_of_version_1(status: os.stat_result) -> str:
    """Returns the identity of a file in state directories of schema 1. It is the beginning of the stamp."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def is_stamp(identity: str) -> bool:
    """Whether an identity stands for content that was not read."""
    return "@" in identity


def names_of(stamp: str) -> tuple[str, str]:
    """All identities that the state may have of a file with this stamp, beside its hash: the stamp comes first."""
    return stamp, stamp.partition("@")[0]


def is_young(status: os.stat_result, now: float) -> bool:
    """Whether a further change of a file may leave its times as they are: then its stamp says nothing of its content.

    The ctime shows how finely the file system counts: no program can set it to a whole second.
    """
    tick = _TICK if status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK
    return now - status.st_ctime < tick


def names_of_young(stamp: str) -> tuple[str, ...]:
    """The same of a young file: first comes a name that no listing announces, so that the file is hashed again."""
    return f"{stamp}@young", *names_of(stamp)


def hash_of(file: BinaryIO, told: Callable[[int], None]) -> str:
    """The hash of a file's bytes; the file is at its beginning before and after. `told` hears how many were read."""
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(_CHUNK))
    done = 0
    file.seek(0)
    while size := file.readinto(chunk):  # type: ignore[attr-defined]
        digest.update(chunk[:size])
        done += size
        told(done)
    file.seek(0)
    return digest.hexdigest()[:DIGITS]
