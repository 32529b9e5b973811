"""Holds events of a lane back that may not start: their handler fails, an operator paused the lane, a budget is spent.

In: the records of a batch of a lane, and the brakes of the stack. Out: the records that may start, and error items of
stage `paused` or `budget` with the events of the others, many in one item. So no record waits in the stream: there it
would keep those of other handlers waiting, and expire one day. `release` puts held events back on their lane.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from slips.brakes import (
    Brake,
    Budget,
    Controls,
    Held,
    Pause,
    SharedBrakes,
    budget_pause,
    code_name,
    day_of,
    is_rest,
    sentence,
)
from slips.config import Config
from slips.envelope.lane import LaneRecord, decode
from slips.loading import HandlerLoader
from slips.model import LANES, ErrorItem, HandlerCode, Lane, ObjectEvent, fingerprint, format_time
from slips.ports import ErrorTable

ITEM_BYTES = 200_000
"""Most bytes of the events in an item: DynamoDB takes 400 KB in all."""
CONTROLS_SECONDS = 5.0
"""Seconds for which a function goes by what it has read: so late does it see a pause."""


class HoldingSite(Protocol):
    """The site of a function that starts objects or puts them on their lane."""

    @property
    def config(self) -> Config: ...

    @property
    def loader(self) -> HandlerLoader: ...

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def brakes(self) -> SharedBrakes: ...

    @property
    def budget(self) -> Budget:
        """The budget of a day, by the config."""
        ...

    def code_of(self, event: ObjectEvent) -> HandlerCode: ...

    @property
    def clock(self) -> Callable[[], float]: ...

    @property
    def monotonic(self) -> Callable[[], float]: ...


class Kept(NamedTuple):
    """A record whose event may not start now."""

    record: LaneRecord
    event: ObjectEvent
    pause: Pause
    handler: str


class Gate:
    """Lets records of a lane start, or holds them back. One for each process of a function."""

    def __init__(self, site: HoldingSite) -> None:
        self._site = site
        self._controls: Controls | None = None
        self._read_at = 0.0
        self._kept: list[Kept] = []
        self._order: dict[str, int] = {}
        self._day = ""
        """The day of the budget on which the last batch was counted."""
        self._counted: dict[str, int] = {}
        """Stored bytes of the objects that were counted as started, by sequence number."""
        self._canaries: dict[str, tuple[Brake, Brake]] = {}
        """The brakes before and after the canaries of the last batch, by sequence number."""

    def sort(self, records: Sequence[LaneRecord]) -> list[LaneRecord]:
        """Return the records that may start, in their order. `settle` must follow. Raises StateError."""
        self._kept, self._counted, self._canaries = [], {}, {}
        controls, budget = self.controls(), self._budget
        if not controls.brakes and not budget.is_limited:
            return list(records)
        self._order = {record.sequence_number: number for number, record in enumerate(records)}
        free = [record for record in records if self._is_free(record, controls)]
        return self._within(free, budget, controls) if budget.is_limited else free

    def settle(self, *, retry_from: str | None) -> None:
        """Hold back what may not start, but for records that are delivered again, from the one of that number on.

        None: no record is; an empty number: all are. Raises StateError: then AWS must deliver again as `again_from`
        says.
        """
        last = len(self._order) if retry_from is None else self._order.get(retry_from, 0)
        again = [size for number, size in self._counted.items() if self._order[number] >= last]
        if again:
            self._site.brakes.spend(self._day, -len(again), -sum(again), self._site.clock())
        kept = [each for each in self._kept if self._order[each.record.sequence_number] < last]
        for item in items_of(kept, self._site.clock()):
            self._site.errors.put(item)
        if kept:
            # Behind the items: `release` forgets the note when it has found none.
            self._site.brakes.note_held({(each.pause.lane, each.pause.handler) for each in kept})

    @property
    def held(self) -> dict[Lane, int]:
        """The number of events of the last batch that may not start, by lane."""
        counts: dict[Lane, int] = {}
        for each in self._kept:
            counts[each.pause.lane] = counts.get(each.pause.lane, 0) + 1
        return counts

    @property
    def has_something(self) -> bool:
        """Whether `settle` has something to do."""
        return bool(self._kept or self._counted)

    @property
    def why(self) -> str:
        """Why they may not start, in words."""
        return "; ".join(dict.fromkeys(f"lane {each.pause.lane}: {sentence(each.pause)}" for each in self._kept))

    def again_from(self, retry_from: str | None) -> str:
        """Return the number of the first record to deliver again if `settle` failed; an empty number: all.

        It is the first record that may not start, or `retry_from` if that comes before.
        """
        numbers = [each.record.sequence_number for each in self._kept]
        if retry_from is not None:
            numbers.append(retry_from)
        return min(numbers, key=lambda number: self._order.get(number, -1), default="")

    def controls(self) -> Controls:
        """Return brakes and budget, at most CONTROLS_SECONDS old."""
        now = self._site.monotonic()
        if self._controls is None or now - self._read_at >= CONTROLS_SECONDS:
            self._controls, self._read_at = self._site.brakes.read(), now
        return self._controls

    @property
    def _budget(self) -> Budget:
        return self.controls().budget or self._site.budget

    def _is_free(self, record: LaneRecord, controls: Controls) -> bool:
        """Whether no brake keeps the event of a record. A canary is free, once; a drained object is none."""
        if record.problem:
            return True
        event = decode(record.data)
        lane, handler = event.lane or LANES[0], self._site.code_of(event).handler
        brake = controls.brake(lane, handler)
        if brake is None or brake.pause is None:
            return True
        if brake.handler:
            # An operator asked for a drained object: it runs beside the canary, and ends the pause if it succeeds.
            if event.replay is not None:
                return True
            now, code = self._site.clock(), code_name(self._site.loader.version_of(handler), self._site.config)
            if brake.is_due(now, code):
                after = brake.tried_again(now, code)
                is_canary = self._site.brakes.replace(brake, after)
                controls.brakes[controls.brakes.index(brake)] = after
                if is_canary:
                    self._canaries[record.sequence_number] = brake, after
                    return True
        self._kept.append(Kept(record, event, brake.pause, handler))
        return False

    def _within(self, records: Sequence[LaneRecord], budget: Budget, controls: Controls) -> list[LaneRecord]:
        """Return the records that the budget of the day allows, and count them as started."""
        now = self._site.clock()
        events = {record.sequence_number: decode(record.data) for record in records if not record.problem}
        sizes = {number: event.object_size for number, event in events.items() if not is_rest(event)}
        self._day = day_of(now)
        spent = self._site.brakes.spend(self._day, len(sizes), sum(sizes.values()), now)
        # All are counted at once, so that no other function counts on the same rest; what is too much goes back.
        spent = spent.plus(-len(sizes), -sum(sizes.values()))
        free, too_many, too_much = [], 0, 0
        for record in records:
            size = sizes.get(record.sequence_number)
            if size is not None:
                event = events[record.sequence_number]
                pause = budget_pause(event.lane or LANES[0], spent, budget, now)
                if pause is not None:
                    self._call_off(record.sequence_number, controls)
                    self._kept.append(Kept(record, event, pause, self._site.code_of(event).handler))
                    too_many, too_much = too_many + 1, too_much + size
                    continue
                spent = spent.plus(1, size)
                self._counted[record.sequence_number] = size
            free.append(record)
        if too_many:
            self._site.brakes.spend(self._day, -too_many, -too_much, now)
        return free

    def _call_off(self, number: str, controls: Controls) -> None:
        """Let the canary of that number be another object, or this one later, as it does not start."""
        if number in self._canaries:
            brake, after = self._canaries.pop(number)
            if self._site.brakes.replace(after, brake):
                controls.brakes[controls.brakes.index(after)] = brake


def items_of(kept: Iterable[Kept], now: float) -> Iterator[ErrorItem]:
    """Make error items of events that are held back: one for each reason, of ITEM_BYTES at most.

    Replays, which only the pause of the whole lane or a budget holds back, have items of their own.
    """
    groups: dict[tuple[Pause, str, bool], list[Kept]] = {}
    for each in kept:
        groups.setdefault((each.pause, each.handler, each.event.replay is not None), []).append(each)
    for (pause, handler, _), group in groups.items():
        some: list[Kept] = []
        size = 0
        for each in group:
            if some and size + len(each.record.data) > ITEM_BYTES:
                yield _item(pause, handler, some, now)
                some, size = [], 0
            some.append(each)
            size += len(each.record.data)
        yield _item(pause, handler, some, now)


def _item(pause: Pause, handler: str, kept: Sequence[Kept], now: float) -> ErrorItem:
    stage: Held = "paused" if pause.cause in ("failures", "operator") else "budget"
    error_type = "LanePaused" if stage == "paused" else "BudgetSpent"
    # The same for each delivery of these records, so that a batch that is delivered again makes no second item.
    name = hashlib.sha256(b"\n".join([stage.encode(), *(each.record.data for each in kept)])).hexdigest()[:32]
    message = (
        f"lane {pause.lane}: {sentence(pause)}; nothing failed, these objects wait; they start by themselves when that "
        f"ends; 'slips limit {pause.lane} --resume' ends it"
    )
    return ErrorItem(
        request_id=f"{stage}-{name}",
        events=[each.event for each in kept],
        stage=stage,
        error_type=error_type,
        message=message,
        failed_at=format_time(now),
        attempts=0,
        fingerprint=fingerprint(stage, error_type, f"{pause.lane} {pause.cause} {handler}"),
        handler=handler,
    )


def lane_of(item: ErrorItem) -> Lane:
    """Return the lane of the events in an item that is held."""
    return item.events[0].lane or LANES[0]
