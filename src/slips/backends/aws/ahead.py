"""Reads the objects that will be opened next into memory, in threads, while the present one is processed.

A fetch that fails is forgotten: its object is opened once more when its turn comes, and then is the time for its error.
So is one that has other content than the event announces which asks for it: the object may have been overwritten since
it was fetched, and then announced. Larger objects are left alone: compared with reading one, the time until its first
byte is short.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import BinaryIO, cast

from slips.model import ObjectEvent
from slips.ports import StoredObject

OBJECTS = 16
"""Most objects that are fetched ahead. With 15 ms until an object's first byte, one is there each millisecond."""
BYTES = 8 * 1024 * 1024
"""Most bytes of all objects fetched ahead."""
OBJECT_BYTES = 2 * 1024 * 1024
"""Most bytes of one of them, as announced."""
_PIECE = 128 * 1024

_Name = tuple[str, str, str | None]


class Ahead:
    """Fetches up to OBJECTS expected objects by calling `open` in threads, which live as long as objects are expected.

    All methods are called by one thread.
    """

    def __init__(self, open_now: Callable[[ObjectEvent], AbstractContextManager[StoredObject]]) -> None:
        self._open = open_now
        self._coming: deque[tuple[int, ObjectEvent]] = deque()
        """The expected events that are not fetched yet, with their places in the order."""
        self._places: dict[_Name, int] = {}
        self._fetches: dict[_Name, _Fetch] = {}
        self._bytes = 0
        self._jobs: SimpleQueue[_Fetch | None] = SimpleQueue()
        self._threads = 0

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Fetch the objects of `events`, which will be opened in this order, and drop all fetches of others."""
        self._places = {}
        for place, event in enumerate(events):
            self._places.setdefault(_name(event), place)
        for fetch in [*self._fetches.values()]:
            if fetch.name in self._places:
                fetch.place = self._places[fetch.name]
            else:
                self._drop(fetch)
        self._coming = deque(
            (place, event)
            for place, event in enumerate(events)
            if 0 < event.object_size <= OBJECT_BYTES
            and event.identity  # else nothing tells whether the object was overwritten since
            and _name(event) not in self._fetches
            and self._places[_name(event)] == place
        )
        self._fetch_more()
        if not events:
            self._end_threads()

    def take(self, event: ObjectEvent) -> StoredObject | None:
        """Return the object of `event` if its content was fetched, and wait for it on its way; None: open it now.

        Objects that were expected before this one are dropped: they will not be opened any more.
        """
        name = _name(event)
        place = self._places.get(name)
        if place is None:
            return None
        found = self._fetches.get(name)
        for fetch in [*self._fetches.values()]:
            if fetch is found:
                self._remove(fetch)
            elif fetch.place < place:
                self._drop(fetch)
        while self._coming and self._coming[0][0] <= place:
            self._coming.popleft()
        self._fetch_more()
        stored = None if found is None else found.wait()
        return stored if stored is not None and stored.is_named(event.identity) else None

    def _drop(self, fetch: _Fetch) -> None:
        fetch.is_dropped = True
        self._remove(fetch)

    def _remove(self, fetch: _Fetch) -> None:
        del self._fetches[fetch.name]
        self._bytes -= fetch.size

    def _fetch_more(self) -> None:
        while self._coming and len(self._fetches) < OBJECTS:
            place, event = self._coming[0]
            if self._bytes + event.object_size > BYTES or not self._has_thread():
                return
            self._coming.popleft()
            fetch = _Fetch(event, place)
            self._fetches[fetch.name] = fetch
            self._bytes += fetch.size
            self._jobs.put(fetch)

    def _has_thread(self) -> bool:
        """Start a thread for one more fetch, if there may be more. Return False if there is none at all."""
        if self._threads == OBJECTS:
            return True
        try:
            threading.Thread(target=_work, args=(self._jobs, self._open), name="slips-ahead", daemon=True).start()
        except RuntimeError:  # the system, or a handler, allows no more threads
            return self._threads > 0
        self._threads += 1
        return True

    def _end_threads(self) -> None:
        for _ in range(self._threads):
            self._jobs.put(None)
        self._jobs, self._threads = SimpleQueue(), 0


class _Fetch:
    """One object on its way into memory."""

    def __init__(self, event: ObjectEvent, place: int) -> None:
        self.event, self.place = event, place
        self.name, self.size = _name(event), event.object_size
        self.is_dropped = False
        self._stored: StoredObject | None = None
        self._under_way = threading.Lock()
        self._under_way.acquire()

    def run(self, open_now: Callable[[ObjectEvent], AbstractContextManager[StoredObject]]) -> None:
        try:
            if not self.is_dropped:
                with open_now(self.event) as stored:
                    self._stored = self._read(stored)
        except BaseException:  # noqa: BLE001, S110 - opening the object in its turn raises what there is to raise
            pass
        finally:
            self._under_way.release()

    def wait(self) -> StoredObject | None:
        """Return the object; None if it could not be fetched."""
        self._under_way.acquire()
        return self._stored

    def _read(self, stored: StoredObject) -> StoredObject | None:
        """Return the object with its body in memory; None if it is larger than announced, or not wanted any more."""
        if stored.size > self.size:
            return None
        pieces: list[bytes] = []
        while not self.is_dropped:
            piece = stored.body.read(_PIECE)
            if not piece:
                stored.body = cast("BinaryIO", io.BytesIO(b"".join(pieces)))
                return stored
            pieces.append(piece)
        return None


def _work(
    jobs: SimpleQueue[_Fetch | None], open_now: Callable[[ObjectEvent], AbstractContextManager[StoredObject]]
) -> None:
    while (fetch := jobs.get()) is not None:
        fetch.run(open_now)


def _name(event: ObjectEvent) -> _Name:
    return event.bucket_name, event.object_key, event.object_version_id
