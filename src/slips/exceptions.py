"""Exceptions of the user's code in words. Their class, text and traceback are the user's, too: any may raise."""

from __future__ import annotations

import signal
import traceback
from typing import Any

TEXT = 4_000
"""Characters of an exception's text that are shown."""
CAUSES = 20
"""How far down a chain of causes is looked."""

_name = type.__dict__["__name__"].__get__


def name_of(cls: type[Any]) -> str:
    """The name that a class was made with, whatever its metaclass says."""
    found: str = _name(cls)
    return found


def text_of(error: BaseException) -> str:
    """Text of an exception, bounded."""
    try:
        return str.__getitem__(str(error), slice(TEXT))  # a subclass of `str` may do what it likes, too
    except BaseException:  # noqa: BLE001 - whatever the user's `__str__` does
        return "(its text cannot be made)"


def describe(error: BaseException) -> str:
    """Type and text of an exception, bounded."""
    text = text_of(error)
    return f"{name_of(type(error))}: {text}" if text else name_of(type(error))


def traceback_pieces(error: BaseException) -> list[str]:
    """The traceback, causes included, in the pieces that Python prints it in: each ends a line."""
    try:
        return traceback.format_exception(error)
    except BaseException as failed:  # noqa: BLE001 - whatever the user's attributes do
        frames = traceback.format_tb(_traceback(error))
        return [*frames, f"{describe(error)}\n", f"(the rest of its traceback cannot be made: {describe(failed)})\n"]


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception is Ctrl-C. A worker ignores that: there, the code itself has raised KeyboardInterrupt."""
    return issubclass(type(error), KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def cause_of(error: BaseException) -> BaseException | None:
    """Returns the cause of an exception, whatever its class says."""
    found: BaseException | None = _cause(error)
    return found


def causes(error: BaseException) -> list[BaseException]:
    """The exception, and what it was raised from or while handling."""
    found: list[BaseException] = []
    left = [error]
    while left and len(found) < CAUSES:
        each = left.pop()
        if any(each is known for known in found):
            continue
        found.append(each)
        # Not by `getattr`, which the user's class may answer.
        cause, context = _cause(each), _context(each)
        left += [one for one in (context, cause) if one is not None]
    return found


_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
