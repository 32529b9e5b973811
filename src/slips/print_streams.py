"""Output streams: some write long texts in pieces, some drop what is written after their reader has closed the pipe.

Handlers print into both: a print of 300 MB needs no second 300 MB, and a closed pipe is no error of a handler.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

PIECE = 1 << 16
"""Most characters of one write."""


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of at most PIECE characters."""
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE))


class _InPieces:
    """The text stream `stream`, but for `write`, which writes long texts in pieces."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if len(text) <= PIECE:
            return self._stream.write(text)
        # A TextIOWrapper encodes each text whole, and joins it with the texts before.
        for piece in pieces(text):
            self._stream.write(piece)
        return len(text)

    def writelines(self, texts: Any) -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def in_pieces(stream: TextIO) -> TextIO:
    """Return a stream that writes to `stream`, long texts piece by piece."""
    return cast("TextIO", _InPieces(stream))


class _Dropping(io.RawIOBase):
    """Writes to a file descriptor until its reader closes the pipe. Then calls `closed` once, and drops the rest."""

    def __init__(self, descriptor: int, closed: Callable[[], None]) -> None:
        self._descriptor, self._closed = descriptor, closed
        self._drops = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        if not self._drops:
            try:
                return os.write(self._descriptor, data)
            except BrokenPipeError:
                self._drops = True
                self._closed()
        return memoryview(data).nbytes


def dropping(
    descriptor: int,
    *,
    encoding: str = "utf-8",
    line_buffering: bool = True,
    closed: Callable[[], None] = lambda: None,
) -> TextIO:
    """Return a text stream to a file descriptor that drops what is written after the reader has closed the pipe."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Dropping(descriptor, closed)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=line_buffering,
    )


class PrintedLines(io.RawIOBase):
    """Writes whole lines to a file descriptor, each in one go, so that none is amid those of other processes.

    `shape` makes of each line what is written. A line that is too long is several.
    """

    def __init__(self, descriptor: int, shape: Callable[[str], str], encoding: str = "utf-8") -> None:
        self._out = _Dropping(descriptor, lambda: None)
        self._shape, self.encoding = shape, encoding
        self._line = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._out.fileno()

    def isatty(self) -> bool:
        return self._out.isatty()

    def write(self, data: Any) -> int:
        *whole, rest = bytes(data).split(b"\n")
        for line in whole:
            self._line += line
            self.end_line()
        self._line += rest
        if len(self._line) > PIECE:
            self.end_line()
        return memoryview(data).nbytes

    def end_line(self) -> None:
        """Write the line as far as it is there."""
        line, self._line = self._line, bytearray()
        text = self._shape(line.decode(self.encoding, "backslashreplace"))
        left = f"{text}\n".encode(self.encoding, "backslashreplace")
        while left:
            left = left[self._out.write(left) :]

    def end(self) -> None:
        """Write a line that was begun."""
        if self._line:
            self.end_line()


def by_lines(stream: PrintedLines) -> TextIO:
    """Return a text stream that writes to `stream` whenever a line ends."""
    return io.TextIOWrapper(
        io.BufferedWriter(stream), encoding=stream.encoding, errors="backslashreplace", line_buffering=True
    )
