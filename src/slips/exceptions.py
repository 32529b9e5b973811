"""Describes exceptions of the user's code. Class, text and traceback of these are user code, too, and may raise."""

from __future__ import annotations

import signal
import traceback
from typing import Any

TEXT = 4_000
"""Most characters of an exception's text."""
CAUSES = 20
"""Most exceptions in a chain of causes."""

_name = type.__dict__["__name__"].__get__


def name_of(cls: type[Any]) -> str:
    """Return the name that a class was made with, without running code of its metaclass."""
    name: str = _name(cls)
    return name


def text_of(error: BaseException) -> str:
    """Return the text of an exception, at most TEXT characters."""
    try:
        return str.__getitem__(str(error), slice(TEXT))  # the text may be of a subclass of `str`, with code of its own
    except BaseException:  # noqa: BLE001 - the user's `__str__` may raise anything
        return "(its text cannot be made)"


def describe(error: BaseException) -> str:
    """Return type and text of an exception, the text cut to TEXT characters: `KeyError: 'user'`."""
    text = text_of(error)
    return f"{name_of(type(error))}: {text}" if text else name_of(type(error))


def traceback_pieces(error: BaseException) -> list[str]:
    """Return the traceback, causes included, in the pieces that Python prints: each ends with a line end."""
    try:
        return traceback.format_exception(error)
    except BaseException as failed:  # noqa: BLE001 - the user's attributes may raise anything
        frames = traceback.format_tb(_traceback(error))
        return [*frames, f"{describe(error)}\n", f"(the rest of its traceback cannot be made: {describe(failed)})\n"]


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception comes from Ctrl-C. In a worker, which ignores SIGINT, the user's code itself raised it."""
    return issubclass(type(error), KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def cause_of(error: BaseException) -> BaseException | None:
    """Return the `__cause__` of an exception, without running code of its class."""
    cause: BaseException | None = _cause(error)
    return cause


def causes(error: BaseException) -> list[BaseException]:
    """Return the exception with its causes and contexts, and theirs, each once, at most CAUSES of them."""
    chain: list[BaseException] = []
    left = [error]
    while left and len(chain) < CAUSES:
        each = left.pop()
        if any(each is earlier for earlier in chain):
            continue
        chain.append(each)
        # Not by `getattr`, which would run code of the user's class.
        cause, context = _cause(each), _context(each)
        left += [one for one in (context, cause) if one is not None]
    return chain


_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
