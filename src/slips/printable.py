"""Text out of keys, records, messages and configs, so that it cannot steer the terminal that shows it.

Whatever does not print is spelled out: control characters, those that turn the direction of writing, those without
width, and lone surrogates. `\\x1b[31m`, `\\u202e`.
"""

from __future__ import annotations

import logging


def one_line(text: str) -> str:
    """Spells out line ends and tabs, too."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _spelled(c) for c in text)


def lines(text: str) -> str:
    """Keeps line ends and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else _spelled(c) for c in text)


class LogFormatter(logging.Formatter):
    """The format of log lines on this machine: messages hold keys and records."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03d %(levelname)s [%(filename)s:%(lineno)d] %(message)s", "%Y-%m-%d %H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        return lines(super().format(record))


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode()
