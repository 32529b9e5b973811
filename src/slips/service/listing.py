"""Lists buckets in S3, and announces the objects in them that are new or changed.

In: pages of a listing, in key order, and what the state has of their keys. Out: Arrivals with the new contents. Keys
are in no order of time, so that only a listing of all keys misses nothing; with `recent`, it comes now and then, and in
between only the keys of the last days are listed. An interrupted listing continues behind its checkpoint. Memory holds
one page, whatever the size of the bucket.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from slips.backends.machine.absent import Absences
from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import SlipsError, StorageError
from slips.model import ObjectEvent, format_time
from slips.service.dated_keys import spans
from slips.service.retries import ClosedError, Retries, fault, jitter
from slips.service.sources import Arrival, Inbox

if TYPE_CHECKING:
    from slips.backends.aws.s3 import Page

RUN_SECONDS = 60.0
"""Most seconds that `slips run` waits for a server that fails, before it goes on without the bucket."""
LOOK_SECONDS = 1.0
"""Seconds until a suspicion that the bucket is away is looked into."""
PROBE_SECONDS = 10.0
"""Least seconds between two such looks that found it there: an object that is missing raises suspicion, too."""
CHECKPOINT_SECONDS = 10.0
"""Seconds of a listing without new objects, after which its checkpoint is stored all the same."""
_log = logging.getLogger("slips")


class Lists(Protocol):
    """Lists the objects of buckets, as `S3Store` does."""

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page: ...

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]: ...


class Checkpoint(Struct, omit_defaults=True):
    """How far the listings of a bucket are. Times are epoch seconds."""

    complete: float = 0.0
    """Begin of the latest complete listing of all keys; 0: there was none."""
    begun: float = 0.0
    """Begin of the present listing of all keys; 0: there is none."""
    after: str = ""
    """The key up to which its objects are on their lanes."""
    prefixes: list[str] = []
    """The prefixes that it lists: with others, it begins again."""


class Listing:
    """The listings of one bucket, `name` in the config."""

    def __init__(
        self,
        name: str,
        bucket: S3Bucket,
        store: Lists,
        state: MachineState,
        *,
        days: int,
        retries: Retries,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`state` is only read; what must be written lies in the Arrivals. `days`: see `Absent`."""
        self._name, self._bucket, self._store, self._state = name, bucket, store, state
        self._days, self._retries, self._clock = days, retries, clock
        self._stored_at = clock()
        self._since = _time(bucket.since)
        self._left_alone = 0

    @property
    def source(self) -> str:
        """Name of the checkpoint."""
        return f"listing {self._name}"

    def probe(self) -> None:
        """Ask for one page, and again until S3 answers. Raises SlipsError."""
        self._page(self._bucket.prefixes[0])

    def next(self) -> Iterator[Arrival]:
        """List what is due: all keys, or the recent ones alone."""
        saved, now = self._checkpoint(), self._clock()
        is_fresh = saved.complete <= now < saved.complete + self._bucket.full  # else the clock was set back
        if self._bucket.recent and is_fresh and not saved.begun:
            return self.recent()
        return self.all(goes_on=True)

    def all(self, *, goes_on: bool = False) -> Iterator[Arrival]:
        """List all keys, from the checkpoint of an interrupted listing on if it `goes_on`. Raises SlipsError."""
        saved, prefixes = self._checkpoint(), self._bucket.prefixes
        mark = Checkpoint(saved.complete, self._clock(), "", prefixes)
        if goes_on and saved.begun and saved.prefixes == prefixes:
            mark = saved
        self._left_alone = 0
        for prefix in prefixes:
            if mark.after > prefix and not mark.after.startswith(prefix):
                continue  # the interrupted listing was behind it
            low = mark.after if mark.after.startswith(prefix) else ""
            is_in_order = True
            for page in self._pages(prefix, low):
                keys = [event.object_key for event in page.events]
                is_in_order = is_in_order and all(map(str.__lt__, [low, *keys], keys))
                if is_in_order and (keys or not page.next):
                    high = keys[-1] if page.next else None
                    for absences in self._absences(prefix, low, high, keys):
                        yield Arrival([], self._taken(mark, absences))
                    low = high or low
                # Without an order, a key does not say which others were listed: then it begins again.
                mark = msgspec.structs.replace(mark, after=low if is_in_order else "")
                new = self._new(page.events)
                if new or self._clock() - self._stored_at >= CHECKPOINT_SECONDS:
                    yield Arrival(new, self._taken(mark))
        yield Arrival([], self._taken(Checkpoint(complete=mark.begun)), left_alone=self._left_alone)

    def recent(self) -> Iterator[Arrival]:
        """List the keys whose dates lie within the window. Raises SlipsError."""
        for span in spans(self._bucket.recent, self._clock(), self._bucket.window, self._folders):
            for page in self._pages(span.prefix, span.after):
                events = [event for event in page.events if self._bucket.has(event.object_key)]
                if new := self._new(events):
                    yield Arrival(new)
                if span.until and page.events and page.events[-1].object_key > span.until:
                    break

    def _folders(self, prefix: str) -> Sequence[str]:
        return self._retries.call(lambda: self._store.folders(self._name, prefix))

    def _pages(self, prefix: str, after: str) -> Iterator[Page]:
        page, last, is_in_order = self._page(prefix, after=after), after, True
        yield page
        while page.next:
            keys = [event.object_key for event in page.events]
            is_in_order = is_in_order and all(map(str.__lt__, [last, *keys], keys))
            last = keys[-1] if keys else last
            page = self._retries.call(partial(self._following, prefix, page.next, last if is_in_order else ""))
            yield page

    def _page(self, prefix: str, **where: str) -> Page:
        return self._retries.call(lambda: self._store.page(self._name, prefix, **where))

    def _following(self, prefix: str, token: str, last: str) -> Page:
        """Return the page of a token, or, if it is refused, the page behind the key `last`. Raises StorageError.

        A server that was restarted or replaced may refuse a token for ever: then nothing behind it would be found.
        """
        try:
            return self._store.page(self._name, prefix, then=token)
        except StorageError as error:
            if error.passing or not last:
                raise
            return self._store.page(self._name, prefix, after=last)

    def _new(self, events: Sequence[ObjectEvent]) -> list[ObjectEvent]:
        """Return the events whose contents the state does not have."""
        compared = self._state.announced.compare([event for event in events if event.event_time >= self._since])
        self._left_alone += compared.failed
        return compared.new

    def _absences(self, prefix: str, low: str, high: str | None, keys: Sequence[str]) -> Iterator[Absences]:
        return self._state.absent.changes(self._name, prefix, low, high, set(keys), self._days)

    def _taken(self, mark: Checkpoint, absences: Absences | None = None) -> Callable[[MachineState], None]:
        """Return the function that stores how far the listing is, together with the events up to there."""
        self._stored_at = self._clock()
        value = msgspec.json.encode(mark).decode()

        def store(state: MachineState) -> None:
            state.set_checkpoint(self.source, value)
            if absences is not None:
                state.absent.write(self._name, absences)

        return store

    def _checkpoint(self) -> Checkpoint:
        stored = self._state.checkpoint(self.source)
        try:
            return Checkpoint() if stored is None else msgspec.json.decode(stored, type=Checkpoint)
        except msgspec.MsgspecError:  # of another version of slips: a listing of all keys misses nothing
            return Checkpoint()


def _time(since: str | None) -> str:
    """Return a time of the config as events have theirs; empty, which is before all, if there is none."""
    return "" if since is None else format_time(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp())


class ListingSource:
    """A Source that lists one bucket each `poll`; for `slips run` just `once`, all of it.

    If objects of the bucket cannot be read, it finds out whether the bucket `is_away`, also one that is never listed.
    """

    def __init__(
        self,
        name: str,
        bucket: S3Bucket,
        store: Callable[[], Lists],
        state: Path,
        *,
        days: int,
        once: bool = False,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`state` is the state directory, which a connection of this source's own reads."""
        self.name = f"listing of {name}"
        self.bucket, self._bucket, self._store, self._state = name, bucket, store, state
        self._days, self._once, self._clock = days, once, clock
        self._inbox = Inbox()
        self._retries = Retries(self._inbox.wait, seconds=RUN_SECONDS if once else None, jitter=jitter)
        self._failure: str | None = None
        self._is_done = self._is_suspected = False
        self._thread = threading.Thread(target=self._work, name=f"slips-listing-{name}", daemon=True)

    @property
    def problem(self) -> str | None:
        return self._failure or self._retries.problem

    @property
    def is_away(self) -> bool:
        """Whether no object of the bucket can be read now: its events then wait on their lanes."""
        return self._retries.is_away

    def suspect(self) -> None:
        """Let the source find out whether the bucket is away, since an object in it could not be read."""
        self._is_suspected = True

    @property
    def is_exhausted(self) -> bool:
        return self._is_done and self._inbox.is_empty

    def open(self, wake: Callable[[], None]) -> None:
        self._inbox.open(wake)
        self._thread.start()

    def take(self) -> Sequence[Arrival]:
        return self._inbox.take()

    def close(self) -> None:
        self._inbox.close()

    def _work(self) -> None:
        try:
            with suppress(ClosedError):
                self._list_until_closed()
        except SlipsError as error:
            self._failure = str(error)
        finally:
            self._is_done = True

    def _list_until_closed(self) -> None:
        with ExitStack() as at_end:
            listing, seconds = None, self._bucket.poll_seconds
            while True:
                begun = time.monotonic()
                try:
                    listing = listing or self._open(at_end)
                    if self._once or seconds:
                        for arrival in listing.all() if self._once else listing.next():
                            if not self._inbox.put(arrival):
                                return
                    if self._once or self._rest(listing, begun + (seconds or inf)):
                        return
                except SlipsError as error:
                    self._retries.pause(error)
                except ClosedError:
                    raise
                except Exception as error:  # noqa: BLE001 - shown as a problem, and logged
                    _log.exception("%s", self.name)
                    self._retries.pause(fault(self.name, error))
                else:
                    self._retries.succeeded()

    def _rest(self, listing: Listing, end: float) -> bool:
        """Wait for the next listing, and look meanwhile whether a suspected bucket is away. Return whether it is over.

        Raises SlipsError, and ClosedError.
        """
        probe_at = 0.0
        while (now := time.monotonic()) < end:
            self._retries.succeeded()
            if self._inbox.wait(min(LOOK_SECONDS, end - now)):
                return True
            if self._is_suspected and now >= probe_at:
                self._is_suspected = False
                listing.probe()
                probe_at = time.monotonic() + PROBE_SECONDS
        return self._inbox.is_closed

    def _open(self, at_end: ExitStack) -> Listing:
        """Make the listing in this thread, whose connection to the state only this thread may use."""
        state = MachineState.open(self._state)
        at_end.callback(state.close)
        return Listing(
            self.bucket,
            self._bucket,
            self._store(),
            state,
            days=self._days,
            retries=self._retries,
            clock=self._clock,
        )
