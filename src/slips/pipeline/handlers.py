"""Runs the user's handlers on one object: fresh instances, with `setup`, `recv` for each log event, and `result`.

Any exception of a handler, and any returned value with work still to do, becomes a HandlerError that names the handler.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from slips.errors import HandlerError
from slips.exceptions import cause_of, describe, is_interrupt, name_of
from slips.format import Event
from slips.interface import Handler
from slips.methods import advice, lazy
from slips.model import MetaData
from slips.parsing.run import Recv
from slips.position import STEP, Cells, Step


class Handlers:
    """One instance of each handler class. The argument `url` of each method is the object to name in errors."""

    def __init__(self, classes: Sequence[type[Handler]], position: Cells) -> None:
        self._classes, self._position = classes, position
        self._handlers: list[Handler] = []
        self._current = ""
        """Name of the handler that was called last."""
        self._current_event: Event | None = None
        """The log event of that handler, if there are several handlers, each with a log event of its own."""

    def set_up(self, url: str, args: dict[str, Any]) -> None:
        """Make the instances and call `setup` of each. Raises HandlerError."""
        self._position[STEP] = Step.INIT
        try:
            for one in self._classes:
                self._current = name_of(one)
                self._handlers.append(one())
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(url, "__init__", error) from error
        self._position[STEP] = Step.SETUP
        self._call(url, "setup", args)

    def finish(self, url: str, keep: Callable[[str, object], None]) -> None:
        """Call `result` of each handler, and `keep` with its name and the returned value. Raises HandlerError."""
        self._position[STEP] = Step.RESULT
        self._call(url, "result", keep=keep)

    def recv(self, url: str) -> Recv:
        """Return a function that calls `recv` of every handler. Raises HandlerError if reading `recv` raises."""
        if len(self._handlers) > 1:
            return self._recv_all
        (handler,) = self._handlers
        self._current = _name(handler)
        try:
            return handler.recv  # may be a property, which runs code of the user's
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(url, "recv", error) from error

    def named(self, url: str, error: HandlerError) -> HandlerError:
        """Return the error of a `recv`, with the handler's name and its log event. Raise it from its `__cause__`."""
        cause = cause_of(error)
        if type(cause) is _Unfinished:
            problem, cause = f"returned {cause}; {advice('recv')}", None
        else:
            problem = f"raised {describe(cause)}{_hint(cause)}" if cause is not None else str(error)
        event = error.handler_event if self._current_event is None else self._current_event
        named = HandlerError(f"{url}: record {error.seq}: {self._current}.recv {problem}", event)
        named.seq = error.seq
        named.__cause__ = cause
        return named

    def _call(self, url: str, method: str, *args: Any, keep: Callable[[str, object], None] | None = None) -> None:
        kind = ""
        try:
            for handler in self._handlers:
                self._current = _name(handler)
                returned = getattr(handler, method)(*copy.deepcopy(args))
                kind = lazy(returned)
                if kind:
                    break
                if keep:
                    keep(self._current, returned)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(url, method, error) from error
        if kind:
            raise HandlerError(f"{url}: {self._current}.{method} returned {kind}; {advice(method)}")

    def _raised(self, url: str, place: str, error: BaseException) -> HandlerError:
        return HandlerError(f"{url}: {self._current}.{place} raised {describe(error)}{_hint(error)}")

    def _recv_all(self, meta: MetaData, event: Event) -> None:
        """Call `recv` of each handler with a meta and a log event of its own; all but the last get copies.

        Raises _Unfinished for the first handler that returns a value with work still to do.
        """
        last = self._handlers[-1]
        for handler in self._handlers:
            self._current = _name(handler)
            if handler is not last:
                each_meta, each_event = copy.copy(meta), _copy_json(event)
            else:
                each_meta, each_event = meta, event
            self._current_event = each_event
            recv: Recv = handler.recv  # a handler may return a value, though `recv` is declared to return None
            returned = recv(each_meta, each_event)
            # Check here, and once: a future may be done a moment later.
            if returned is not None and (kind := lazy(returned)):
                raise _Unfinished(kind)


class _Unfinished(Exception):
    """One of several handlers returned a value with work still to do; the text names the kind of that value."""


def _hint(error: BaseException) -> str:
    """Return the advice for a UnicodeEncodeError of a byte that is not UTF-8; empty for any other exception."""
    if type(error) is not UnicodeEncodeError:  # not `isinstance`, which runs code of the error's class
        return ""
    text: Any = error.object  # None if the error was never initialized
    character = text[error.start : error.start + 1] if type(text) is str else ""
    if not "\udc80" <= character <= "\udcff":
        return ""
    return (
        f"; {character!r} stands for the byte '0x{ord(character) - 0xDC00:02x}' of the log, which is not UTF-8; "
        "expected a handler that converts such bytes; write text.encode('utf-8', 'surrogateescape') for the bytes "
        "of the log, or 'backslashreplace' instead for text that everybody can read"
    )


def _name(handler: Handler) -> str:
    return name_of(type(handler))


def _copy_json(value: Any) -> Any:
    """Return a deep copy of a value, several times faster than `copy.deepcopy` for JSON values."""
    kind = value.__class__
    if kind is dict:
        return {key: _copy_json(each) for key, each in value.items()}
    if kind is list:
        return [_copy_json(each) for each in value]
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    return copy.deepcopy(value)
