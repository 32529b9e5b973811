"""Text out of keys, records, messages and configs, so that it cannot steer the terminal that shows it.

Whatever does not print is spelled out: control characters, those that turn the direction of writing, those without
width, and lone surrogates. `\\x1b[31m`, `\\u202e`.
"""

from __future__ import annotations

import logging
from typing import Any

LONGEST = 2**20
"""Characters of a message or traceback in a log line: more is cut. Each step of logging copies the whole of it."""
_PIECE = 1 << 16


def one_line(text: str) -> str:
    """Spells out line ends and tabs, too."""
    return _spelled_out(text, "")


def lines(text: str) -> str:
    """Keeps line ends and tabs."""
    return _spelled_out(text, "\n\t")


def _spelled_out(text: str, kept: str) -> str:
    if len(text) > _PIECE:  # a list of all characters takes eight bytes for each
        return "".join(_spelled_out(text[at : at + _PIECE], kept) for at in range(0, len(text), _PIECE))
    return text if text.isprintable() else "".join(c if c.isprintable() or c in kept else _spelled(c) for c in text)


class LogFormatter(logging.Formatter):
    """The format of log lines on this machine: messages hold keys and records."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s [%(filename)s:%(lineno)d] %(message)s", "%Y-%m-%d %H:%M:%S"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = cut(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return cut(super().formatException(ei))

    def format(self, record: logging.LogRecord) -> str:
        return lines(super().format(record))


def cut(text: str) -> str:
    """At most LONGEST characters of a text, and how many there were."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters, cut)"


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode()
