"""Runs the user's handlers on one object: fresh instances, with `setup`, `recv` or `recv_batch`, and `result`.

Any exception of a handler, and any returned value with work still to do, becomes a HandlerError that names the handler.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from slips.errors import AccountingError, HandlerError
from slips.exceptions import cause_of, describe, is_interrupt, name_of
from slips.interface import Handler
from slips.methods import advice, lazy, takes_batches
from slips.model import MetaData, Outcome
from slips.parsing.event_types import PerHandler, copy_json, copy_meta
from slips.parsing.run import Recv
from slips.pipeline.batches import EventBatch, Unfinished, WrongBound
from slips.position import STEP, Cells, Step
from slips.printable import plural


class Handlers:
    """One instance of each handler class. The argument `url` of each method is the object to name in errors."""

    def __init__(self, classes: Sequence[type[Handler]], position: Cells) -> None:
        self._classes, self._position = classes, position
        self._handlers: list[Handler] = []
        self._current = ""
        """Name of the handler that was called last."""
        self._current_event: Any = None
        """The log event of that handler, if there are several handlers, each with a log event of its own."""
        self._batches: list[EventBatch | None] = []
        """The batch of each handler that takes batches."""

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
        """Return a function that passes an event to every handler, to its `recv` or its batch.

        Raises HandlerError if reading `recv`, or the bounds of a batch, raises.
        """
        self._batches = [self._batch(url, handler) for handler in self._handlers]
        if len(self._handlers) > 1:
            return self._recv_all
        (handler,), (batch,) = self._handlers, self._batches
        self._current = _name(handler)
        if batch is not None:
            return batch.add
        try:
            return handler.recv  # may be a property, which runs code of the user's
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(url, "recv", error) from error

    def flush(self, url: str) -> int:
        """Pass what is left in batches to their handlers. Return the last record of these batches, 0 if there are none.

        Raises HandlerError, with the handler's name.
        """
        flushed = 0
        for handler, batch in zip(self._handlers, self._batches, strict=True):
            if batch is None:
                continue
            self._current = _name(handler)
            try:
                flushed = max(flushed, batch.flush())
            except BaseException as error:
                if is_interrupt(error):
                    raise
                failed = HandlerError("recv_batch raised")
                failed.__cause__ = error
                named = self.named(url, failed)
                raise named from cause_of(named)
        return flushed

    def named(self, url: str, error: HandlerError) -> HandlerError:
        """Return the error of a `recv` or `recv_batch`, with the handler's name and its log event or records.

        Raise it from its `__cause__`.
        """
        cause = cause_of(error)
        batch = next((one for one in self._batches if one is not None and one.is_at_work), None)
        method, seq, last = "recv", error.seq, error.seq
        event = error.handler_event if self._current_event is None else self._current_event
        if batch is not None:
            method, seq, last, event = "recv_batch", batch.first, batch.last, None
        if type(cause) is Unfinished:
            problem, cause = f"returned {cause}; {advice(method)}", None
        else:
            problem = f"raised {describe(cause)}{_hint(cause)}" if cause is not None else str(error)
        place = f"record {seq}" if seq == last else f"records {seq} to {last}"
        named = HandlerError(f"{url}: {place}: {self._current}.{method} {problem}", event)
        named.seq = seq
        named.__cause__ = cause
        return named

    def check_delivered(self, url: str, outcome: Outcome) -> None:
        """Compare the counters of the batches with those of the loop, at the end of a run. Raises AccountingError."""
        for batch in filter(None, self._batches):
            if (batch.records, batch.events) != (outcome.delivered, outcome.events):
                raise AccountingError(
                    f"{url}: batches had {plural(batch.records, 'record')} with {plural(batch.events, 'event')}, the "
                    f"loop delivered {outcome.delivered} with {outcome.events}; expected the same; this is a bug of "
                    "slips, please report it"
                )

    def take_back(self, outcome: Outcome) -> None:
        """Leave out of the counts of a run that failed the records that a batch holds: these are not delivered."""
        batches = [batch for batch in self._batches if batch is not None]
        delivered = min([outcome.delivered, *(batch.records for batch in batches)])
        outcome.records -= outcome.delivered - delivered
        outcome.delivered = delivered
        outcome.events = min([outcome.events, *(batch.events for batch in batches)])

    def _call(self, url: str, method: str, *args: Any, keep: Callable[[str, object], None] | None = None) -> None:
        kind = ""
        try:
            for handler in self._handlers:
                self._current = _name(handler)
                returned = getattr(handler, method)(*(copy.deepcopy(args) if args else ()))
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

    def _batch(self, url: str, handler: Handler) -> EventBatch | None:
        """Make the batch of a handler; None if the handler takes single events. Raises HandlerError."""
        self._current = _name(handler)
        try:
            return EventBatch(handler, self._position) if takes_batches(type(handler), Handler) else None
        except WrongBound as error:
            raise HandlerError(f"{url}: {self._current}.{error}") from None
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise self._raised(url, "recv_batch", error) from error

    def _raised(self, url: str, place: str, error: BaseException) -> HandlerError:
        return HandlerError(f"{url}: {self._current}.{place} raised {describe(error)}{_hint(error)}")

    def _recv_all(self, meta: MetaData, event: Any) -> None:
        """Pass to each handler a meta and a log event of its own; all but the last get copies.

        Raises Unfinished for the first handler that returns a value with work still to do.
        """
        last = self._handlers[-1]
        events = event if event.__class__ is PerHandler else None
        for number, (handler, batch) in enumerate(zip(self._handlers, self._batches, strict=True)):
            self._current = _name(handler)
            each_meta = meta if handler is last else copy_meta(meta)
            own = event if handler is last or events is not None else copy_json(event)
            each_event = own if events is None else events[number]
            if events is None:
                each_meta._event = own  # its entities are those of the handler's own event
            self._current_event = each_event
            if batch is not None:
                batch.add(each_meta, each_event)
                continue
            recv: Recv = handler.recv  # a handler may return a value, though `recv` is declared to return None
            returned = recv(each_meta, each_event)
            # Check here, and once: a future may be done a moment later.
            if returned is not None and (kind := lazy(returned)):
                raise Unfinished(kind)


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
