"""Files that hold content of logs, for their owner only: whatever the umask is, and whatever made them before."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

DIRECTORY, FILE = 0o700, 0o600


def make_directory(directory: Path, files: Collection[str]) -> bool:
    """Makes a directory, with those above it, or makes one private that holds nothing but `files`.

    False if it stays as it is: it holds other things, too, belongs to another user, or cannot be made private.
    """
    try:
        directory.mkdir(mode=DIRECTORY, parents=True)
    except FileExistsError:
        if not directory.is_dir():
            raise
        if not set(os.listdir(directory)) <= set(files):  # noqa: PTH208 - names only
            return False
    return _tighten(directory, DIRECTORY)


def make_file(path: Path) -> None:
    """Makes an empty file, or makes one private that is there and belongs to this user.

    Never opens one that is there: to close it would give up all locks that this process has on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
    _tighten(path, FILE)


def tighten(path: Path) -> None:
    """Makes a file private if it is there and belongs to this user."""
    _tighten(path, FILE)


def is_foreign(path: Path) -> bool:
    """Whether a file is there that belongs to another user."""
    try:
        return path.stat().st_uid != os.geteuid()
    except OSError:
        return False


def write(path: Path, text: str) -> None:
    """Writes a file, which is private if it is new: one that was there keeps its mode."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE), "w", encoding="utf-8") as file:
        file.write(text)


def _tighten(path: Path, mode: int) -> bool:
    try:
        status = path.stat()
        if status.st_uid != os.geteuid():
            return False
        if stat.S_IMODE(status.st_mode) != mode:
            path.chmod(mode)
    except OSError:  # it is not there, or on a file system without modes
        return False
    return True
