"""Keeps the messages of a queue hidden from other receivers until their objects are concluded, then deletes them.

A session that ends gives back what it has; what a killed one had comes back when SQS shows it again. In both cases the
events are in the state already, and the messages join them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from msgspec import Struct

from slips.errors import StateError

FIRST_SECONDS, FURTHER_SECONDS = 45, 600
"""Seconds for which SQS hides a message at first, and then each time. Most are concluded before the first are over, and
so long does a message keep others waiting that SQS gives to a receiver which has just ended."""
MOST_HELD = 10_000
"""Messages that are kept until their objects are concluded. Of more, each is deleted as soon as the state has its
events, from which they are not lost either: a slow lane that is far behind must not keep a queue from the fast one."""
LONGEST_SECONDS = 11 * 3600.0
"""Seconds after which a message, too, is deleted when the state has its events: SQS hides none for 12 hours, and would
give it to its dead letters after some receives, though its objects just wait."""
AGAIN_SECONDS = 10.0
"""Seconds after which a failed call is repeated."""


class Hides(Protocol):
    """Hides and deletes messages, as `AnnouncementQueue` does. All raise StateError."""

    def hide(self, receipts: Sequence[str], seconds: int) -> None: ...

    def delete(self, receipts: Sequence[str]) -> None: ...


class _Held(Struct):
    """A message that is hidden."""

    receipt: str
    due: float
    """When it must be hidden for longer."""
    until: float
    """When it is deleted, if the state has its events."""
    is_stored: bool = False


class Custody:
    """The messages of one queue that this session has received. Any thread may call any method."""

    def __init__(self, queue: Hides, sync: Callable[[], None], clock: Callable[[], float]) -> None:
        """`sync` makes what the state has survive a power cut. Raises OSError."""
        self._queue, self._sync, self._clock = queue, sync, clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._done: dict[str, str] = {}
        """The latest receipt of each message to delete: one that cannot be deleted comes again and again."""
        self._again_at = 0.0
        self.problem: str | None = None
        """The reason why messages cannot be hidden or deleted now."""

    def add(self, id: str, receipt: str) -> bool:
        """Add a message that was received. Return False if the session has it already, by an older receipt."""
        with self._lock:
            now, before = self._clock(), self._held.get(id)
            self._held[id] = _Held(receipt, now + FIRST_SECONDS / 3, now + LONGEST_SECONDS)
            if before is not None:
                self._held[id].is_stored = before.is_stored
            return before is None

    def stored(self, id: str) -> None:
        """Note that the state has the events of a message."""
        with self._lock:
            if (held := self._held.get(id)) is not None:
                held.is_stored = True
        if len(self._held) > MOST_HELD:
            self.concluded(id)

    def concluded(self, id: str) -> None:
        """Let a message be deleted."""
        with self._lock:
            if (held := self._held.pop(id, None)) is not None:
                self._done[id] = held.receipt

    def leave(self, id: str) -> None:
        """Let a message come back when its time is over."""
        with self._lock:
            self._held.pop(id, None)

    def turn(self) -> None:
        """Delete what is concluded, and hide for longer what is not. Call this every second or so."""
        now = self._clock()
        if now < self._again_at:
            return
        with self._lock:
            long_held = [id for id, held in self._held.items() if held.is_stored and held.until <= now]
        for id in long_held:
            self.concluded(id)
        problems: list[str] = []
        for act in (self._delete_done, partial(self._hide_due, now)):  # a queue may deny one and allow the other
            try:
                act()
            except (StateError, OSError) as error:
                problems.append(str(error))
        self.problem = next(iter(problems), None)
        if problems:
            self._again_at = now + AGAIN_SECONDS

    def give_back(self) -> None:
        """Delete what is concluded, and make all else receivable at once. Raises StateError or OSError."""
        self._delete_done()
        with self._lock:
            receipts = [held.receipt for held in self._held.values()]
            self._held.clear()
        if receipts:
            self._queue.hide(receipts, 0)

    def _hide_due(self, now: float) -> None:
        with self._lock:
            due = {id: held for id, held in self._held.items() if held.due <= now}
        if due:
            self._queue.hide([held.receipt for held in due.values()], FURTHER_SECONDS)
            for held in due.values():
                held.due = now + FURTHER_SECONDS / 3

    def _delete_done(self) -> None:
        with self._lock:
            done = dict(self._done)
        if done:
            self._sync()
            self._queue.delete(list(done.values()))
            with self._lock:
                for id in [id for id, receipt in done.items() if self._done[id] == receipt]:
                    del self._done[id]
