"""Makes a directory, or a file with content of logs, readable for its owner only, whatever the umask is.

Works on new files and on existing ones that belong to this user.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

DIRECTORY, FILE = 0o700, 0o600


def make_directory(directory: Path, files: Collection[str]) -> bool:
    """Make a private directory, with its parents. If the directory exists and holds only `files`, make it private.

    Return False if the directory stays as it is: it holds other files, too, belongs to another user, or is on a file
    system without modes. Raises OSError.
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
    """Make an empty private file. If the file exists and belongs to this user, make it private. Raises OSError.

    Never opens an existing file: closing it would release all locks that this process has on the file.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
    _tighten(path, FILE)


def tighten(path: Path) -> None:
    """Make a file private if it exists and belongs to this user."""
    _tighten(path, FILE)


def is_foreign(path: Path) -> bool:
    """Whether a file exists and belongs to another user."""
    try:
        return path.stat().st_uid != os.geteuid()
    except OSError:
        return False


def write(path: Path, text: str) -> None:
    """Write a file. A new file is private; an existing one keeps its mode. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE), "w", encoding="utf-8") as file:
        file.write(text)


def _tighten(path: Path, mode: int) -> bool:
    try:
        status = path.stat()
        if status.st_uid != os.geteuid():
            return False
        if stat.S_IMODE(status.st_mode) != mode:
            path.chmod(mode)
    except OSError:  # the file does not exist, or its file system has no modes
        return False
    return True
