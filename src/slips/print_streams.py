"""Output streams for handlers, which write long texts in pieces: a print of 300 MB needs no second 300 MB."""

from __future__ import annotations

from collections.abc import Iterator
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
