"""One file of the package, and errors of reading it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from slips.errors import UsageError


class Member(Struct, frozen=True):
    """One file of the package: either `path`, which holds its content, or the content."""

    path: Path | None = None
    content: bytes = b""

    def read(self) -> tuple[bytes, int]:
        """Return the content and the mode of the file. The mode only tells whether the file may be executed."""
        if self.path is None:
            return self.content, 0o644
        with reading(self.path):
            return self.path.read_bytes(), 0o755 if self.path.stat().st_mode & stat.S_IXUSR else 0o644

    def size(self) -> int:
        if self.path is None:
            return len(self.content)
        with reading(self.path):
            return self.path.stat().st_size


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise UsageError for an error of the operating system in this block."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: {reason}; expected files for the package; make it readable") from None
