"""Makes texts of keys, records, messages and configs safe to print, so that they cannot steer the terminal.

Characters that do not print are spelled out, as `\\x1b` and `\\u202e`: control characters, characters that change the
direction of writing or have no width, and lone surrogates. `plural` and `duration` word numbers in texts for people.
"""

from __future__ import annotations

import logging
from typing import Any

LONGEST = 2**20
"""Most characters of a message or traceback in a log line; the rest is cut, since each step of logging copies all."""
_PIECE = 1 << 16


def one_line(text: str) -> str:
    """Spell out all characters that do not print, line ends and tabs included."""
    return _spelled_out(text, "")


def lines(text: str) -> str:
    """Spell out all characters that do not print but line ends and tabs."""
    return _spelled_out(text, "\n\t")


def _spelled_out(text: str, kept: str) -> str:
    if len(text) > _PIECE:  # in pieces: `join` makes a list of eight bytes for each character
        return "".join(_spelled_out(text[at : at + _PIECE], kept) for at in range(0, len(text), _PIECE))
    return text if text.isprintable() else "".join(c if c.isprintable() or c in kept else _spelled(c) for c in text)


class LogFormatter(logging.Formatter):
    """The format of log lines on this machine. It makes messages and tracebacks safe to print, and cuts long ones."""

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


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 object`, `2,000 objects`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def them(count: int) -> str:
    """Return the pronoun for a count of things: `it`, or `them`."""
    return "it" if count == 1 else "them"


def are(count: int) -> str:
    """Return the verb for a count of things: `is`, or `are`."""
    return "is" if count == 1 else "are"


def duration(seconds: float) -> str:
    """Format a duration: `4 s`, `12 min`, `2 h 10 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    minutes = whole // 60
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def cut(text: str) -> str:
    """Cut a text to LONGEST characters, and append how many it had."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters, cut)"


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode()
