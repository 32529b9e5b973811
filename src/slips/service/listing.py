"""Lists one prefix of a bucket in S3, and announces the objects below it that are new or changed.

In: pages of a listing, in key order, and what the state has of their keys. Out: Arrivals with the new contents. Keys
are in no order of time, so that only a listing of all keys misses nothing; with `recent`, it comes now and then, and in
between only the keys of the last days are listed. An interrupted listing continues behind its checkpoint. Memory holds
one page, whatever the size of the bucket. A listing never waits: its caller decides when a failed call is repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from slips.backends.machine.absent import Absences
from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.model import ObjectEvent, format_time
from slips.service.dated_keys import Span, spans
from slips.service.sources import Arrival

if TYPE_CHECKING:
    from slips.backends.aws.s3 import Page

CHECKPOINT_SECONDS = 10.0
"""Seconds of a listing without new objects, after which its checkpoint is stored all the same."""
Step = Arrival | StorageError
"""An Arrival for a page, be it without anything new; or the error of a call, which the next step repeats."""


class Lists(Protocol):
    """Lists the objects of buckets, as `S3Store` does."""

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page: ...

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]: ...


class Checkpoint(Struct, omit_defaults=True):
    """How far the listings of a prefix are. Times are epoch seconds."""

    complete: float = 0.0
    """Begin of the latest complete listing of all keys; 0: there was none."""
    begun: float = 0.0
    """Begin of the present listing of all keys; 0: there is none."""
    after: str = ""
    """The key up to which its objects are on their lanes."""
    prefixes: list[str] = []
    """The one prefix that it lists, or those of a former version: with others, it begins again."""


class Listing:
    """The listings of one prefix of a bucket, `name` in the config."""

    def __init__(
        self,
        name: str,
        bucket: S3Bucket,
        prefix: str,
        store: Lists,
        state: MachineState,
        *,
        days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`state` is only read; what must be written lies in the Arrivals. `days`: see `Absent`."""
        self._name, self._bucket, self._prefix, self._store, self._state = name, bucket, prefix, store, state
        self._days, self._clock = days, clock
        self._stored_at = clock()
        self._since = _time(bucket.since)
        self._left_alone = 0

    @property
    def source(self) -> str:
        """Name of the checkpoint."""
        return f"listing {prefix_in(self._name, self._prefix)}"

    def probe(self) -> None:
        """Ask for one page. Raises StorageError."""
        self._store.page(self._name, self._prefix)

    def next(self) -> Iterator[Step]:
        """List what is due: all keys, or the recent ones alone."""
        if self._bucket.recent and self._is_fresh() and not self._checkpoint().begun:
            return self.recent()
        return self.all(goes_on=True)

    def all(self, *, goes_on: bool = False) -> Iterator[Step]:
        """List all keys, from the checkpoint of an interrupted listing on if it `goes_on`."""
        saved, prefix = self._checkpoint(), self._prefix
        mark = Checkpoint(saved.complete, self._clock(), "", [prefix])
        if goes_on and saved.begun and saved.prefixes == [prefix]:
            mark = saved
        self._left_alone = 0
        low, is_in_order = mark.after, True
        for page in self._pages(prefix, low):
            if isinstance(page, StorageError):
                yield page
                continue
            keys = [event.object_key for event in page.events]
            is_in_order = is_in_order and all(map(str.__lt__, [low, *keys], keys))
            if is_in_order and (keys or not page.next):
                high = keys[-1] if page.next else None
                for absences in self._absences(low, high, keys):
                    yield Arrival([], self._taken(mark, absences))
                low = high or low
            # Without an order, a key does not say which others were listed: then it begins again.
            mark = msgspec.structs.replace(mark, after=low if is_in_order else "")
            new = self._new(page.events)
            is_stored = new or self._clock() - self._stored_at >= CHECKPOINT_SECONDS
            yield Arrival(new, self._taken(mark) if is_stored else None)
        yield Arrival([], self._taken(Checkpoint(complete=mark.begun)), left_alone=self._left_alone)

    def recent(self) -> Iterator[Step]:
        """List the keys whose dates lie within the window, until a listing of all keys is due."""
        folders = cache(self._folders)  # of an attempt that fails, the next one asks only for the rest
        found: list[Span] | None = None
        while found is None:
            try:
                found = list(spans(self._bucket.recent, self._clock(), self._bucket.window, folders))
            except StorageError as error:
                if not self._is_fresh():
                    return  # what always fails must not keep the listing of all keys from its turn
                yield error
        for span in found:
            prefix = _longer(span.prefix, self._prefix)
            if prefix is None or (span.until and prefix > span.until):
                continue
            for page in self._pages(prefix, span.after):
                if not isinstance(page, StorageError):
                    yield Arrival(self._new(page.events))
                    if span.until and page.events and page.events[-1].object_key > span.until:
                        break
                elif self._is_fresh():
                    yield page
                else:
                    return

    def _is_fresh(self) -> bool:
        """Whether no listing of all keys is due. Never if the clock was set back."""
        complete = self._checkpoint().complete
        return complete <= self._clock() < complete + self._bucket.full

    def _folders(self, before: str) -> Sequence[str]:
        """Return the beginnings of keys up to the first slash behind `before`, where the prefix has some.

        Asks for no other keys than those with the prefix: the right to list may end there.
        """
        prefix = _longer(before, self._prefix)
        if prefix is None:
            return []
        folder, slash, _ = prefix.removeprefix(before).partition("/")
        return [f"{before}{folder}/"] if slash else self._store.folders(self._name, prefix)

    def _pages(self, prefix: str, after: str) -> Iterator[Page | StorageError]:
        """Yield the pages behind the key `after`, or an error in place of one, which is asked for again then."""
        token, last, is_in_order = "", after, True
        while True:
            try:
                page = self._store.page(self._name, prefix, **({"then": token} if token else {"after": last}))
            except StorageError as error:
                has_refused_token = bool(token and is_in_order and last)
                if has_refused_token:
                    # A server that was restarted or replaced may refuse a token for ever: the last key serves, too.
                    token = ""
                if error.passing or not has_refused_token:
                    yield error
                continue
            yield page
            if not (token := page.next):
                return
            keys = [event.object_key for event in page.events]
            is_in_order = is_in_order and all(map(str.__lt__, [last, *keys], keys))
            last = keys[-1] if keys else last

    def _new(self, events: Sequence[ObjectEvent]) -> list[ObjectEvent]:
        """Return the events whose contents the state does not have."""
        compared = self._state.announced.compare([event for event in events if event.event_time >= self._since])
        self._left_alone += compared.failed
        return compared.new

    def _absences(self, low: str, high: str | None, keys: Sequence[str]) -> Iterator[Absences]:
        return self._state.absent.changes(self._name, self._prefix, low, high, set(keys), self._days)

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


def prefix_in(name: str, prefix: str) -> str:
    """Return the name of a prefix of a bucket; that of the bucket if it is the prefix of all keys."""
    return f"{name}/{prefix}" if prefix else name


def _longer(one: str, other: str) -> str | None:
    """Return the longer one of two beginnings of keys; None if no key has both."""
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer if longer.startswith(shorter) else None


def _time(since: str | None) -> str:
    """Return a time of the config as events have theirs; empty, which is before all, if there is none."""
    return "" if since is None else format_time(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp())
