"""Receives messages of an SQS queue that announce new objects, and announces these to the session.

A message is deleted when its objects are concluded. One that cannot be read stays for the redrive policy of its queue;
if the queue has none, it becomes an item of the error table: it would come again for ever.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from slips.envelope.arrivals import messages
from slips.errors import EnvelopeError, SlipsError, StateError
from slips.model import ErrorItem, ObjectEvent, fingerprint, format_time, readable
from slips.service.custody import AGAIN_SECONDS, FIRST_SECONDS, Custody, Hides
from slips.service.names import Names
from slips.service.retries import ClosedError, Retries, fault, jitter
from slips.service.sources import Arrival, Inbox, problem_of

if TYPE_CHECKING:
    from slips.backends.aws.announcements import Received

TURN_SECONDS = 1.0
"""Seconds between two looks at the messages that this session has."""
CLOSE_SECONDS = 5.0
"""Most seconds to wait until messages are given back, when the session ends."""
KEPT_BYTES = 64 * 1024
"""Most characters of an unreadable message that its error item has."""
_log = logging.getLogger("slips")


class Queue(Hides, Protocol):
    """A queue, as `AnnouncementQueue` is. All raise StateError."""

    def receive(self, hidden: int) -> Sequence[Received]: ...

    def has_redrive_policy(self) -> bool: ...


class QueueSource:
    """A Source that receives the messages of one queue, which announces objects of all buckets of `names`."""

    is_exhausted = False

    def __init__(
        self,
        url: str,
        names: Names,
        make: Callable[[], Queue],
        sync: Callable[[], None],
        *,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`make` makes the queue, in a thread of this source; `sync`: see `Custody`. `name`: if others have its own."""
        self.name, self._url = f"queue {name or name_of(url)}", url
        self._names, self._make, self._sync, self._clock = names, make, sync, clock
        self._inbox = Inbox()
        self._retries = Retries(self._inbox.wait, jitter=jitter)
        self._custody: Custody | None = None
        self._fault: str | None = None
        """The fault of slips that keeps messages from being hidden and deleted now."""
        self._is_made = threading.Event()
        self._threads = [
            threading.Thread(target=work, name="slips-queue", daemon=True) for work in (self._receive, self._keep)
        ]

    @property
    def problem(self) -> str | None:
        return self._retries.problem or self._fault or (None if self._custody is None else self._custody.problem)

    @property
    def problems(self) -> dict[str, str]:
        return problem_of(self.name, self.problem)

    def open(self, wake: Callable[[], None]) -> None:
        self._inbox.open(wake)
        for thread in self._threads:
            thread.start()

    def take(self) -> Sequence[Arrival]:
        return self._inbox.take()

    def close(self) -> None:
        """Give back what is not concluded. A receiver that waits for SQS ends by itself, with nothing in hand."""
        self._inbox.close()
        self._is_made.set()
        if self._threads[1].is_alive():
            self._threads[1].join(CLOSE_SECONDS)

    # -- the thread that receives

    def _receive(self) -> None:
        with suppress(ClosedError):
            queue: Queue | None = None
            while not self._inbox.is_closed:
                try:
                    if queue is None or self._custody is None:
                        queue = self._retries.call(self._make)
                        self._custody = Custody(queue, self._sync, self._clock)
                        self._is_made.set()
                    received = self._retries.call(partial(queue.receive, FIRST_SECONDS))
                    self._announce(queue, self._custody, received)
                except ClosedError:
                    raise
                except Exception as error:  # noqa: BLE001 - shown as a problem, and logged; the messages come again
                    _log.exception("%s", self.name)
                    self._retries.pause(fault(self.name, error))

    def _announce(self, queue: Queue, custody: Custody, received: Sequence[Received]) -> None:
        for each in received:
            if self._inbox.is_closed:
                custody.leave(each.id)
                queue.hide([each.receipt], 0)
            elif custody.add(each.id, each.receipt):
                self._inbox.put(self._arrival(queue, custody, each))

    def _arrival(self, queue: Queue, custody: Custody, received: Received) -> Arrival:
        (message,) = messages({"Records": [received.record]})
        events, strangers = list[ObjectEvent](), dict[str, None]()
        for event in message.events:
            named = self._names.of(event)
            if named is None:
                strangers[event.bucket_name] = None
            else:
                events += named
        problems = [message.problem] * bool(message.problem)
        if strangers:
            problems.append(
                f"it is of bucket {', '.join(map(repr, strangers))}; expected one of those that 'sqs' of the config "
                f"has this queue for: {self._names.shown}"
            )
        arrival = Arrival(
            events, stored=partial(custody.stored, received.id), concluded=partial(custody.concluded, received.id)
        )
        if problems:
            self._keep_unreadable(arrival, queue, custody, received, "; ".join(problems))
        return arrival

    def _keep_unreadable(
        self, arrival: Arrival, queue: Queue, custody: Custody, received: Received, problem: str
    ) -> None:
        """Leave a message that cannot be read to the redrive policy of its queue, else make an error item of it."""
        about = f"{self._url}: message {received.id} cannot be read: {problem}"
        if _has_redrive_policy(queue):
            custody.leave(received.id)
            arrival.stored = arrival.concluded = None
            arrival.note = f"{about}; it stays, and the queue's redrive policy moves it away"
            return
        item = _item(received, about)
        arrival.taken = lambda state: state.errors.put(item)
        arrival.note = f"{about}; it is in the error table, as {item.request_id}, and deleted from the queue"

    # -- the thread that keeps messages

    def _keep(self) -> None:
        self._is_made.wait()
        pause = TURN_SECONDS
        while not self._inbox.wait(pause):
            pause = TURN_SECONDS
            if self._custody is None:
                continue
            try:
                self._custody.turn()
                self._fault = None
            except Exception as error:  # noqa: BLE001 - shown as a problem, and logged; it is tried again
                _log.exception("%s", self.name)
                self._fault, pause = str(fault(self.name, error)), AGAIN_SECONDS
        if self._custody is not None:
            try:
                self._custody.give_back()
            except (SlipsError, OSError) as error:
                _log.warning("%s; messages come back by themselves", error)


def name_of(url: str) -> str:
    """Return the name of a queue."""
    return url.rpartition("/")[2]


def _has_redrive_policy(queue: Queue) -> bool:
    try:
        return queue.has_redrive_policy()
    except StateError:  # it may not be asked: then the message must not depend on it
        return False


def _item(received: Received, message: str) -> ErrorItem:
    """Return the error item of a message that cannot be read, the same each time that the message comes."""
    body = readable(str(received.record["body"]))
    error_type = EnvelopeError.__name__
    return ErrorItem(
        request_id=str(uuid.uuid5(uuid.NAMESPACE_OID, received.id)),
        events=[],
        stage="arrival",
        error_type=error_type,
        message=readable(message),
        failed_at=format_time(time.time()),
        fingerprint=fingerprint("arrival", error_type, message),
        event={"message": body[:KEPT_BYTES]},
        event_truncated=len(body) > KEPT_BYTES,
    )
