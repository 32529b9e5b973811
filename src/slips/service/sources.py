"""Sources: they announce objects while a session runs. Each does its blocking work in threads of its own.

In: directories, listings, queues, notifications. Out: Arrivals, which the supervisor takes, puts on their lanes and
concludes. Only the supervisor's thread writes the state, so a source never does: what it must store lies in
`Arrival.taken`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from slips.backends.machine.state import MachineState
from slips.model import ObjectEvent

MOST_WAITING = 5_000
"""Most object events in an Inbox: a source that has announced so many waits until the supervisor takes them."""


class Arrival(Struct):
    """Object events that a source announces together.

    The supervisor calls each function in its own thread, so none may block. An event whose object is settled counts as
    concluded; one whose object waits on a lane is concluded with that one.
    """

    events: list[ObjectEvent]
    taken: Callable[[MachineState], None] | None = None
    """Called in the transaction that puts the events on their lanes: stores the checkpoint of a listing, say."""
    stored: Callable[[], None] | None = None
    """Called when that transaction is committed. It answers a notification, say."""
    concluded: Callable[[], None] | None = None
    """Called once, when every event is concluded: settled, or in the error table. It deletes a queue's message, say."""
    released: Callable[[], None] | None = None
    """Called in place of `concluded` if the session ends before that. It gives a queue's message back, say."""
    note: str = ""
    """A sentence for people about the source: how it looks for objects, or what it cannot announce."""
    left_alone: int = 0
    """Number of further objects that the source has left alone, since the error table has them."""


class Source(Protocol):
    """Announces objects."""

    @property
    def name(self) -> str:
        """The source in words, for people: `/var/log/app`, `s3://my-logs/app/`."""
        ...

    @property
    def problems(self) -> Mapping[str, str]:
        """The reasons why nothing can arrive now, as sentences, by the name of the source or of a part of it.

        The source tries again.
        """
        ...

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing more will arrive, and all that did was taken: `slips run` ends then."""
        ...

    def open(self, wake: Callable[[], None]) -> None:
        """Start. `wake` ends the supervisor's wait, and can be called in any thread."""
        ...

    def take(self) -> Sequence[Arrival]:
        """Return what arrived since the last call. Never blocks."""
        ...

    def close(self) -> None:
        """End the threads, within seconds. What arrived and was not taken is announced again by the next session."""
        ...


def problem_of(name: str, problem: str | None) -> dict[str, str]:
    """Return the problems of a source that has one or none."""
    return {} if problem is None else {name: problem}


class Inbox:
    """Arrivals on their way from the threads of a source to the supervisor, with at most MOST_WAITING events."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrivals: deque[Arrival] = deque()
        self._events = 0
        self._wake: Callable[[], None] = lambda: None
        self.is_closed = False

    def open(self, wake: Callable[[], None]) -> None:
        """Call `wake` for each arrival from now on."""
        self._wake = wake

    def put(self, arrival: Arrival) -> bool:
        """Add an arrival; wait while the inbox is full. Return False if it is closed, and the arrival not added."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed or self._events < MOST_WAITING)
            if self.is_closed:
                return False
            self._arrivals.append(arrival)
            self._events += len(arrival.events)
        self._wake()
        return True

    def offer(self, arrival: Arrival) -> bool:
        """Add an arrival. Return False if the inbox is full or closed, and the arrival not added."""
        with self._changed:
            if self.is_closed or self._events >= MOST_WAITING:
                return False
            self._arrivals.append(arrival)
            self._events += len(arrival.events)
        self._wake()
        return True

    def take(self) -> list[Arrival]:
        """Return all arrivals, and make room for others."""
        if not self._arrivals:
            return []
        with self._changed:
            taken = list(self._arrivals)
            self._arrivals.clear()
            self._events = 0
            self._changed.notify_all()
        return taken

    @property
    def is_empty(self) -> bool:
        return not self._arrivals

    def wait(self, seconds: float) -> bool:
        """Wait in a thread of the source, until the inbox is closed. Return whether it is closed."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_closed, seconds)

    def close(self) -> None:
        """Add nothing more, and end all waiting."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
