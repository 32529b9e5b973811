"""Shows events as they pass: reads some of the objects that were just processed once more, with their chains.

No run is slowed down: the tap follows what is concluded, on its own, and reads in a SHARE of a core's time. It shows a
random sample, counts what it leaves out, and writes nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, Literal

import msgspec
from msgspec import Struct

from slips.codec import CodecLimits, decode
from slips.config import Mapping
from slips.errors import FormatError, ObjectError, StorageError
from slips.format import Event, Record
from slips.model import MetaData, ObjectEvent, Outcome
from slips.operations import Operations, Passed
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain, Ticker
from slips.pipeline.evidence import keep, reason_of
from slips.pipeline.quarantine import Quarantine
from slips.pipeline.selection import Selection
from slips.routing import assigned, mapping_for
from slips.site.protocols import HandlerSite

SHARE = 0.2
"""Most of a core's time that the tap takes."""
OBJECT_SECONDS = 1.0
"""Most seconds of computing on one object: of a long one only the beginning is looked at."""
LOOK_SECONDS = 1.0
"""Seconds between two looks at what was concluded."""
OBJECTS = 20
"""Most objects of one look."""
MOST_EVENTS = 1_000
"""Most events of one object that are shown."""


class Shown(Struct, kw_only=True):
    """An event, a bad record or a failed object, as the tap shows it. Its JSON is a line of `slips tap --json`."""

    kind: Literal["event", "quarantined", "failed"]
    object: str
    """`s3://bucket/key`."""
    time: float
    """Epoch seconds: of the event; else of the end of the run."""
    seq: int = 0
    """Record number; 0 of a failed object."""
    tag: str = ""
    message: str = ""
    """Of the event; else the reason."""
    event: dict[str, Any] | None = None
    """The event as plain JSON, long ones cut."""
    raw: str = ""
    """The beginning of a bad record."""


class TapFilter(Struct, frozen=True):
    """The events that a user wants to see."""

    selection: Selection
    tag: str | None = None
    """A pattern for tags, with `*`, `?` and `[...]`."""
    grep: str | None = None
    """A text in message, event, reason or bad record."""

    def is_place(self, event: ObjectEvent, mapping: Mapping | None) -> bool:
        """Whether objects at this place are wanted."""
        bucket, key = event.bucket_name, event.object_key
        return self.selection.has(bucket, mapping) and any(
            bucket == each and key.startswith(prefix) for each, prefix in self.selection.places
        )

    def is_shown(self, shown: Shown) -> bool:
        """Whether a user wants to see this."""
        if self.tag is not None and not fnmatchcase(shown.tag, self.tag):
            return False
        if self.grep is None or self.grep in shown.message or self.grep in shown.raw:
            return True
        return shown.event is not None and self.grep in msgspec.json.encode(shown.event).decode()


class TapTally(Struct):
    """Counts of the objects and events that passed, and of those that the tap has seen."""

    objects: int = 0
    """Concluded objects at the wanted places."""
    opened: int = 0
    events: float = 0.0
    """Events that passed, as far as it is known: those of objects that were not looked at are estimated."""
    looked_at: int = 0
    """Events that the tap has seen."""
    shown: int = 0
    gone: int = 0
    """Objects that were deleted or overwritten before the tap opened them."""
    unreadable: int = 0


class Tap:
    """Follows what is concluded, from `since` (epoch seconds) on."""

    def __init__(
        self,
        site: HandlerSite,
        operations: Operations,
        wanted: TapFilter,
        since: float,
        *,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        computed: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read nothing yet. `rate`: most events shown in a second. `computed` returns the computing time so far."""
        self._site, self._operations, self._wanted, self._since, self._rate = site, operations, wanted, since, rate
        self._clock, self._computed, self._sleep = clock, computed, sleep
        self._chains: dict[str, Chain] = {}
        self._room, self._filled = rate, clock()
        """Events that may be shown now, and when that number was computed."""
        self.tally = TapTally()

    def follow(self) -> Iterator[Shown | None]:
        """Yield what is shown, without an end; None behind each look."""
        while True:
            looked = self._clock()
            yield from self.look()
            yield None
            self._sleep(max(0.0, looked + LOOK_SECONDS - self._clock()))

    def look(self) -> Iterator[Shown]:
        """Yield what is shown of the objects that were concluded since the last look."""
        sample, total, self._since = self._operations.passed(self._since, OBJECTS, self._wants)
        if not sample:
            return
        tally = self.tally
        tally.objects += total
        tally.events += total * sum(each.events for each in sample) / len(sample)
        for number, each in enumerate(sample):
            before = self._computed()
            self._fill()
            if self._room < 1:
                return  # the rest passes unseen: the user wants no more a second
            most = max(1, min(MOST_EVENTS, int(self._room / (len(sample) - number))))
            for shown in self._shown(each, most):
                tally.shown += 1
                self._room -= 1
                yield shown
            self._sleep((self._computed() - before) * (1 / SHARE - 1))

    def _fill(self) -> None:
        now = self._clock()
        self._room = min(max(self._rate, 1.0), self._room + (now - self._filled) * self._rate)
        self._filled = now

    def _wants(self, bucket: str, key: str) -> bool:
        event = ObjectEvent(bucket_name=bucket, object_key=key)
        return self._wanted.is_place(event, mapping_for(self._site.config.bucket_mapping, bucket, key))

    def _shown(self, passed: Passed, most: int) -> list[Shown]:
        """Return a random sample of what is shown of an object, in the order of its records."""
        url, tally = passed.event.url, self.tally
        if passed.has_failed:
            failed = Shown(kind="failed", object=url, time=passed.at, message=passed.reason)
            return [failed] if self._wanted.is_shown(failed) else []
        mapping, picked = assigned(self._site.config.bucket_mapping, passed.event), _Picked(most)
        if not isinstance(mapping, Mapping):
            return []  # no log, or no mapping any more
        try:
            with self._site.store.open(passed.event) as stored:
                if not stored.is_named(passed.event.identity):
                    tally.gone += 1
                    return []
                tally.opened += 1
                self._read(passed, mapping, stored.body, picked)
        except StorageError as error:
            tally.gone += error.missing
            tally.unreadable += not error.missing
        except (ObjectError, FormatError):  # the run had its own conclusion; what was read so far is shown
            tally.unreadable += 1
        return sorted(picked.kept, key=lambda each: each.seq)

    def _read(self, passed: Passed, mapping: Mapping, body: BinaryIO, picked: _Picked) -> None:
        config, event, wanted = self._site.config, passed.event, self._wanted
        chain = self._chain(mapping)
        if chain.ignores:
            return

        def recv(meta: MetaData, value: Event) -> None:
            self.tally.looked_at += 1
            shown = Shown(kind="event", object=event.url, time=meta.timestamp, seq=meta.seq, tag=meta.tag)
            shown.message = meta.message or ""
            # Cheap conditions first: most events of a flood are looked at for these alone.
            if wanted.tag is not None and not fnmatchcase(meta.tag, wanted.tag):
                return
            if wanted.grep is None and not picked.is_next():
                return
            shown.event = keep(value)[0]
            if wanted.grep is None or (wanted.is_shown(shown) and picked.is_next()):
                picked.add(shown)

        def reject(seq: int, original: Callable[[], Record], error: Exception) -> None:
            if mapping.on_error != "quarantine":
                return
            one = Quarantine()
            one.add(seq, original, error)
            shown = Shown(kind="quarantined", object=event.url, time=passed.at, seq=seq, message=reason_of(error))
            shown.raw = one.parts[0].samples[0].raw
            if wanted.is_shown(shown) and picked.is_next():
                picked.add(shown)

        limits = CodecLimits(object_bytes=config.limits.object_bytes, expansion_ratio=config.limits.expansion_ratio)
        decoded = decode(body, limits, event.url)
        chain.run(
            decoded.stream,
            Outcome(),
            source=event,
            recv=recv,
            reject=reject,
            ticker=_Budget(self._computed, OBJECT_SECONDS),
            open_part=decoded.part,
        )

    def _chain(self, mapping: Mapping) -> Chain:
        key = repr((mapping.chain_key, mapping.contains, mapping.timezone))
        if key not in self._chains:
            self._chains[key] = compile_chain(
                mapping.format,
                self._site.config.root,
                self._site.config.limits.record,
                contains=tuple(mapping.contains or ()),
                timezone=mapping.timezone,
            )
        return self._chains[key]


class _Picked:
    """A random sample of at most `most` of those that it is asked about, each with the same chance."""

    def __init__(self, most: int) -> None:
        self.kept: list[Shown] = []
        self._most, self._asked, self._place = most, 0, 0

    def is_next(self) -> bool:
        """Whether the next one belongs to the sample, which then is to be added."""
        self._asked += 1
        self._place = self._asked - 1 if self._asked <= self._most else random.randrange(self._asked)  # noqa: S311
        return self._place < self._most

    def add(self, shown: Shown) -> None:
        """Add it, in place of another if the sample is full."""
        if self._place < len(self.kept):
            self.kept[self._place] = shown
        else:
            self.kept.append(shown)


class _Budget(Ticker):
    """Stops the loop behind so many seconds of computing. It asks for itself at each record: no thread makes it due."""

    due = True

    def __init__(self, computed: Callable[[], float], seconds: float) -> None:
        super().__init__()
        self._computed, self._end = computed, computed() + seconds

    def tick(self, _seq: int) -> bool:
        return self._computed() >= self._end
