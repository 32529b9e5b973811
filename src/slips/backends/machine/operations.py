"""Operations on the state directory of this machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from slips.backends.machine import lane_limits
from slips.backends.machine.known import SqliteKnown
from slips.backends.machine.state import MachineState
from slips.backends.machine.stores import Stores
from slips.brakes import Budget, Pause
from slips.config import Config, LaneConfig
from slips.envelope.lost import Batch
from slips.kept_audit import LAST, kept_audit
from slips.known import pages
from slips.model import ErrorItem, Lane, ObjectEvent, format_time
from slips.object_states import ObjectCounter
from slips.operations import (
    BackendStatus,
    Budgets,
    Glance,
    Kind,
    LogLine,
    Passed,
    PassedSample,
    ReplayState,
    Wants,
    counted,
)
from slips.ports import LedgerEntry, Status
from slips.tally import LedgerTally

MOST_PASSED = 20_000
"""Most concluded objects that a sample is drawn of; a tap that is behind catches up by that many at a time."""
_PASSED: frozenset[Status] = frozenset({"done", "filtered", "failed"})


class MachineOperations:
    """Operations on an open state. There are no functions, no logs of them, and no undelivered messages."""

    kind: Kind = "machine"
    undelivered = None
    has_brakes = True

    def __init__(self, config: Config, state: MachineState, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells the day of a budget."""
        self._config, self._state, self.name, self._clock = config, state, config.stack_name, clock
        self.errors, self.ledger = state.errors, state.ledger
        self.has_twin = is_on_aws_too(config)

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        return ()

    def count_undelivered(self) -> None:
        return None

    def dismiss(self, item: ErrorItem) -> bool:
        return self._state.dismiss(item)

    def run_id(self, event: ObjectEvent) -> str:
        return self._state.stream.request_id(event)

    def replay_state(self, event: ObjectEvent, run_id: str) -> ReplayState:
        if self._state.stream.has_replay(event):
            return ReplayState("waiting")
        # The transaction that takes an event off its lane has written its error items; the first has the run's id.
        error = self.errors.get(run_id)
        return ReplayState("succeeded" if error is None else "failed", error)

    def status(self, *, count_ledger: bool, progress: Callable[[int], None] = lambda _: None) -> BackendStatus:
        counter = ObjectCounter()
        with self._state.snapshot():
            counter.add_entries(self.ledger.entries(), progress)
            counter.add_waiting(self._state.stream.objects())
            errors, groups = counted(counter.add_items(self.errors.scan()))
            lanes, service = self._state.lanes(), self._state.service.get()
            pauses, audit = self.pauses(), kept_audit(self.note(LAST))
        objects = counter.counts()
        return BackendStatus(
            lanes=lanes,
            ledger=objects.states,
            errors=errors,
            failed_objects=objects.failed,
            quarantined_objects=objects.quarantined,
            groups=groups,
            pauses=pauses or UNSET,
            service=UNSET if service is None else service,
            audit=audit or UNSET,
        )

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None] = lambda _: None) -> SqliteKnown:
        directories = Stores(self._config).directories
        return SqliteKnown(self._state, listed, lambda event: directories.hash_of_listed(event, lambda _: progress(0)))

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]:
        for page in pages(listed):
            waiting = self._state.announced.waiting(page, again=again)
            yield from ((event, (event.bucket_name, event.object_key) in waiting) for event in page)

    def count_done(self, listed: Iterable[ObjectEvent]) -> int:
        # A file is known by its last reading, an object in S3 by its own name.
        return sum(
            len(page) - len(left) + self._state.announced.count_settled(left)
            for page in pages(listed)
            for left in [[one.event for one in self._state.listed(page) if not one.is_settled]]
        )

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None:
        """Record nothing: the lanes can be read."""

    def tally(self, recent: float, progress: Callable[[int], None] = lambda _: None) -> LedgerTally:
        return self.ledger.tally(recent)

    def glance(self) -> Glance:
        with self._state.snapshot():
            lanes, errors, service = self._state.lanes(), self.errors.counts(), self._state.service.get()
        return Glance(lanes=lanes, errors=sum(errors.values()), service=service)

    def note(self, name: str) -> str | None:
        return self._state.setting(f"note.{name}")

    def set_note(self, name: str, text: str | None) -> None:
        self._state.set(f"note.{name}", text)

    def passed(self, since: float, most: int, wants: Wants) -> PassedSample:
        found = self.ledger.concluded(since, MOST_PASSED)
        wanted = [key for key, _ in found if wants(*msgspec.json.decode(key, type=tuple[str, str, Any, Any, Any])[:2])]
        entries = map(self.ledger.entry, random.sample(wanted, min(most, len(wanted))))
        sample = [self._passed(entry) for entry in entries if entry is not None and entry.status in _PASSED]
        return PassedSample(sample, len(wanted), found[-1][1] if found else since)

    def _passed(self, entry: LedgerEntry) -> Passed:
        event = ObjectEvent(
            event_time=format_time(entry.updated_at),  # for events without a time of their own
            bucket_name=entry.bucket,
            object_key=entry.key,
            object_etag=entry.identity,
            records=entry.records,
        )
        passed = Passed(event, entry.updated_at)
        if entry.status == "failed":
            item = self.errors.get(entry.request_id)
            passed.has_failed, passed.reason = True, item.message if item else "its error item is gone"
        elif entry.outcome is not None:
            passed.events = entry.outcome.events
        return passed

    def limit(self, lane: Lane) -> LaneConfig:
        return lane_limits.lane_limit(self._config, self._state, lane)

    def set_limit(self, lane: Lane, limit: LaneConfig) -> None:
        lane_limits.set_lane_limit(self._config, self._state, lane, limit)

    def pauses(self) -> list[Pause]:
        return lane_limits.pauses(self._config, self._state, self._clock)

    def pause(self, lane: Lane, reason: str, by: str) -> None:
        lane_limits.pause(self._state, lane, reason, by, self._clock)

    def resume(self, lane: Lane) -> list[Pause]:
        return lane_limits.resume(self._config, self._state, lane, self._clock)

    def release(self) -> int:
        return 0

    def budgets(self) -> Budgets:
        return lane_limits.budgets(self._config, self._state, self._clock)

    def set_budget(self, budget: Budget) -> None:
        lane_limits.set_budget(self._config, self._state, budget)

    def functions(self) -> list[str]:
        return []

    def logs(
        self, functions: Sequence[str], since: float, containing: str | None = None, *, follow: bool = False
    ) -> Iterator[LogLine]:
        return iter(())


def is_on_aws_too(config: Config) -> bool:
    """Return whether the config describes a stack, too, not just this machine."""
    backend = config.backend
    sources = (backend.sns_topics, backend.sqs_queues, backend.eventbridge, backend.s3_direct)
    return any(sources) or bool(config.base.sam.code_bucket)
