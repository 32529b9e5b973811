"""Keeps the content of an object where it can be read from any place: formats with their directory at the end need it.

Small content stays in memory. Larger content goes to a file in the directory for temporary files, which has no name.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import BinaryIO, cast

from slips.errors import ReaderError

IN_MEMORY = 8 << 20
"""Most bytes kept in memory."""


@contextmanager
def spooled(stream: BufferedReader) -> Iterator[BinaryIO]:
    """Yield the content of a stream as a file at its beginning. Raises ReaderError if there is no room for it."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        size = 0
        try:
            while data := stream.read1(1 << 20):
                file.write(data)
                size += len(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise ReaderError(
                f"no room for more than {size:,} bytes of the object in {tempfile.gettempdir()!r}; expected room for "
                "all of it, as its directory is at its end; set TMPDIR to a directory with more room, or let its "
                "writer write smaller objects"
            ) from None
        file.seek(0)
        yield cast("BinaryIO", file)
