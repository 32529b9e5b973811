"""Puts what sources announce on its lanes, and tells each source when its objects are concluded.

In: the Arrivals of sources. Out: events on lanes, in one transaction with what the source stores. An event is left out
if its object is settled, waits already, or is in the error table.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import zip_longest

from msgspec import Struct

from slips.backends.machine.lanes import Delivery
from slips.errors import StateError
from slips.model import ObjectEvent
from slips.pipeline.push import push
from slips.service.listings import ListingSource
from slips.service.observer import Observer
from slips.service.sources import Arrival, Source
from slips.site.machine import MachineSite

MOST_SECONDS = 0.02
"""Seconds of one step that arrivals may take, and one arrival more: workers wait meanwhile."""


class _Open(Struct, eq=False):
    """An arrival that its source wants to see concluded, and the number of its objects that are not."""

    arrival: Arrival
    left: int


class Intake:
    """Puts the objects that `sources` announce on their lanes, while the session runs."""

    def __init__(
        self,
        site: MachineSite,
        sources: Sequence[Source],
        observer: Observer,
        wake: Callable[[], None],
        at_work: Mapping[tuple[str, str], Delivery],
    ) -> None:
        """Open no source yet. `at_work` has the objects of which a run is at work, by bucket and key."""
        self._observer, self._wake, self._at_work = observer, wake, at_work
        self.reload(site)
        self._sources = list(sources)
        self._problems: dict[str, dict[str, str]] = {}
        """The problems that are shown, by the name of the source."""
        self._taken: deque[tuple[Source, Arrival]] = deque()
        """Arrivals that are not on their lanes yet."""
        self.left_alone = self.dropped = 0
        """Numbers of objects that sources have left alone, since the error table has them, and that routing drops."""
        self._open: dict[tuple[str, str], list[_Open]] = {}
        """By bucket and key of the objects that wait, or are at work."""
        self._left: set[tuple[str, str]] = set()
        """Objects of which an event has left its lane since the last look."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will arrive, and all that did is on its lane."""
        return not self._taken and all(source.is_exhausted for source in self._sources)

    @property
    def problems(self) -> list[str]:
        """The problems for which sources have given up."""
        return [problem for source in self._sources if source.is_exhausted for problem in source.problems.values()]

    def reload(self, site: MachineSite) -> None:
        """Use another config from now on."""
        self._site, self._state = site, site.state

    def suspect(self, bucket: str) -> None:
        """Let the source of a bucket in S3 find out whether it is away, since an object in it could not be read."""
        for source in self._sources:
            if isinstance(source, ListingSource) and source.bucket == bucket:
                source.suspect()

    def open(self) -> None:
        """Start all sources."""
        for source in self._sources:
            source.open(self._wake)

    def replace(self, sources: Sequence[Source]) -> None:
        """Close all sources, and open these in their place. The problem of one that is left out is over."""
        self.close()
        self._sources = list(sources)
        for name in self._problems.keys() - {source.name for source in sources}:
            for where in self._problems.pop(name):
                self._observer.mended(where)
        self.open()

    def take(self) -> int:
        """Put on their lanes what has arrived, and return the number of events that were put there.

        Raises StateError: then nothing is lost, and the next call tries again.
        """
        self._tell_concluded()
        for source in self._sources:
            self._show_problems(source)
        if not self._taken:
            # One of each source after the other: a bucket that is listed for hours keeps no notification waiting.
            together = zip_longest(*([(source, each) for each in source.take()] for source in self._sources))
            self._taken.extend(each for row in together for each in row if each is not None)
        put, end = 0, time.monotonic() + MOST_SECONDS
        while self._taken and time.monotonic() < end:
            source, arrival = self._taken[0]
            waiting: set[tuple[str, str]] = set()
            with self._state.transaction():
                counts = push(self._new(arrival.events, waiting), self._site)
                if arrival.taken is not None:
                    arrival.taken(self._state)
                if arrival.concluded is not None or arrival.released is not None:
                    # Routing may have dropped some of them.
                    waiting = {name for name in waiting if self._state.stream.count_of(*name)}
            self._taken.popleft()
            if arrival.note:
                self._observer.warned(arrival.note)
            self.left_alone += arrival.left_alone
            self.dropped += counts["drop"]
            if arrival.stored is not None:
                arrival.stored()
            pushed = counts["fast"] + counts["slow"]
            put += pushed
            self._track(arrival, waiting)
            if pushed or counts["drop"]:
                self._observer.arrived(source.name, pushed, counts["drop"])
        return put

    def concluded(self, event: ObjectEvent) -> None:
        """Note that an event has left its lane, or stays there for now. Touches no state."""
        name = (event.bucket_name, event.object_key)
        if name in self._open:
            self._left.add(name)

    def _tell_concluded(self) -> None:
        """Tell sources whose arrivals are concluded. Raises StateError: then the next call tells the rest."""
        self._state.check_place()  # a message that is deleted for a lost state would be lost, too
        for name in list(self._left):
            # A continuation, or a further event of the object, is of the arrival, too.
            if not self._state.stream.count_of(*name):
                for each in self._open.pop(name, ()):
                    each.left -= 1
                    if each.left == 0 and each.arrival.concluded is not None:
                        each.arrival.concluded()
            self._left.discard(name)

    def close(self) -> None:
        """Close all sources, together since each may take seconds; before, give back what is not concluded."""
        with suppress(StateError):  # what is not told here is given back, and found to be done next time
            self._tell_concluded()
        unfinished = {id(each): each.arrival for opens in self._open.values() for each in opens}
        for arrival in [*unfinished.values(), *(arrival for _, arrival in self._taken)]:
            if arrival.released is not None:
                arrival.released()
        self._open.clear()
        self._left.clear()
        self._taken.clear()
        if self._sources:
            with ThreadPoolExecutor(len(self._sources), "slips-close") as together:
                closings = [together.submit(source.close) for source in self._sources]
            for closing in closings:
                closing.result()

    def _new(self, events: Sequence[ObjectEvent], waiting: set[tuple[str, str]]) -> Iterator[ObjectEvent]:
        """Yield the events that must be put on a lane. Add the objects that wait from then on to `waiting`."""
        directories = self._site.stores.directories.buckets
        compared = self._state.announced.compare([event for event in events if event.bucket_name not in directories])
        waiting |= {(event.bucket_name, event.object_key) for event in compared.waiting + compared.new}
        yield from compared.new
        for listed in self._state.listed(event for event in events if event.bucket_name in directories):
            event = listed.event
            name = (event.bucket_name, event.object_key)
            if listed.is_waiting:
                waiting.add(name)
                if self._is_changed(event):
                    yield event
            elif listed.is_pending:
                waiting.add(name)
                yield event

    def _is_changed(self, event: ObjectEvent) -> bool:
        """Whether an object at work has changed, since its run began perhaps: it runs once more then."""
        name = (event.bucket_name, event.object_key)
        delivery = self._at_work.get(name)
        if delivery is None or event.identity in ("", delivery.event.identity):
            return False
        is_read = delivery.read is not None and event.identity in (delivery.read.identity, *delivery.names)
        return not is_read and self._state.stream.count_of(*name) == 1

    def _track(self, arrival: Arrival, waiting: set[tuple[str, str]]) -> None:
        """Remember an arrival until its objects, which wait, are concluded."""
        if arrival.concluded is None and arrival.released is None:
            return
        if not waiting:
            if arrival.concluded is not None:
                arrival.concluded()
            return
        opened = _Open(arrival, len(waiting))
        for name in waiting:
            self._open.setdefault(name, []).append(opened)

    def _show_problems(self, source: Source) -> None:
        """Show each problem of a source once, and when it has gone."""
        if source.is_exhausted:
            return
        problems, shown = source.problems, self._problems.setdefault(source.name, {})
        for where in shown.keys() - problems.keys():
            del shown[where]
            self._observer.mended(where)
        for where, problem in problems.items():
            if shown.get(where) != problem:
                shown[where] = problem
                self._observer.troubled(where, problem)
