"""Collects the events of a handler that takes batches, and calls its `recv_batch`: at bounds of count and bytes.

A record counts as delivered when `recv_batch` has returned with all of its events. So a batch counts what it has
delivered itself: the loop over records only counts what it has handed on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from slips.interface import Handler
from slips.methods import BOUNDS, lazy, wrong_bound
from slips.model import MetaData
from slips.position import FIRST, LAST, STEP, Cells, Step

_encode_into = msgspec.json.Encoder().encode_into


class Unfinished(Exception):
    """A handler returned a value with work still to do; the text names the kind of that value."""


class WrongBound(Exception):
    """A bound of batches is no number; the text names the bound and says what was expected."""


class EventBatch:
    """The events that one handler has yet to get."""

    def __init__(self, handler: Handler, position: Cells) -> None:
        """Read the bounds, which `setup` may have set. Raises WrongBound."""
        bounds: list[int] = [getattr(handler, name) for name in BOUNDS]
        for name, value in zip(BOUNDS, bounds, strict=True):
            if problem := wrong_bound(name, value):
                raise WrongBound(problem)
        self._most_events, self._most_bytes = bounds
        self._recv_batch, self._position = handler.recv_batch, position
        self._pending: list[tuple[MetaData, Any]] = []
        self._bytes = 0
        self._buffer = bytearray()
        self._begun = 0
        """Records of which an event was added."""
        self._complete = 0
        """Records whose last event was added before the first pending one."""
        self.first = self.last = 0
        """Number of the first record of the batch, and of the last record of which an event was added."""
        self.events = 0
        """Events with which `recv_batch` has returned."""
        self.is_at_work = False
        """Whether `recv_batch` was called and has not returned: it raised, if this is asked afterwards."""

    @property
    def records(self) -> int:
        """Number of records with all of whose events `recv_batch` has returned, if no further event comes of them."""
        return self._complete if self._pending else self._begun

    def add(self, meta: MetaData, event: Any) -> None:
        """Add an event, and call `recv_batch` if the batch is as large as it may be. Raises what that raises."""
        pending, size = self._pending, self._size(event)
        if pending and self._bytes + size > self._most_bytes:
            self.flush()
            pending = self._pending
        seq = meta.seq
        if not pending:
            self._complete = self._begun - (seq == self.last)
            self.first = seq
        if seq != self.last:
            self._begun += 1
            self.last = seq
        pending.append((meta, event))
        self._bytes += size
        if len(pending) >= self._most_events:
            self.flush()

    def flush(self) -> int:
        """Call `recv_batch` with the pending events. Return the last record among them, 0 if there are none.

        Raises what `recv_batch` raises, or Unfinished.
        """
        if not self._pending:
            return 0
        batch, count = self._pending, len(self._pending)
        position, self.is_at_work = self._position, True
        position[FIRST], position[LAST], position[STEP] = self.first, self.last, Step.BATCH
        returned: Any = self._recv_batch(batch)
        if returned is not None and (kind := lazy(returned)):
            raise Unfinished(kind)
        position[STEP] = Step.RECORDS
        self.is_at_work = False
        self.events += count
        # A new list: the handler may keep the one it got.
        self._pending, self._bytes = [], 0
        return self.last

    def _size(self, event: Any) -> int:
        """Return the bytes of an event as JSON; of its `repr` if JSON cannot hold it."""
        try:
            _encode_into(event, self._buffer)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return len(repr(event))
        return len(self._buffer)
