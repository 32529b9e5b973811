"""Operations on a stack. They need the name of the stack, and no config."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import UNSET

from slips.backends.aws import AUDIT, FUNCTIONS, logs
from slips.backends.aws.cloudwatch import alarms_on, lags, lanes
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.known import DynamoKnown
from slips.backends.aws.lane_limits import LaneLimits
from slips.backends.aws.ledger import DynamoLedger
from slips.backends.aws.passed import passed
from slips.backends.aws.queue import UndeliveredQueue, count_messages
from slips.backends.aws.refusals import calls
from slips.backends.aws.replays import replay_state
from slips.backends.aws.stack import DeployedStack
from slips.backends.aws.stack_brakes import StackBrakes
from slips.brakes import Budget, Pause
from slips.config import LaneConfig
from slips.envelope.lost import Batch
from slips.errors import SlipsError
from slips.kept_audit import LAST, kept_audit
from slips.model import ErrorItem, Lane, ObjectEvent
from slips.object_states import ObjectCounter
from slips.operations import (
    BackendStatus,
    Budgets,
    Glance,
    Kind,
    LogLine,
    PassedSample,
    ReplayState,
    Wants,
    counted,
)
from slips.tally import LedgerTally, tallied

SEEN_SECONDS = 6.0
"""Seconds after which all functions have seen that a pause has ended."""


class StackOperations:
    """Operations on a deployed stack."""

    kind: Kind = "stack"
    has_twin = False

    def __init__(self, stack: DeployedStack) -> None:
        self.stack, self.name = stack, stack.name
        self._limits, self._brakes = LaneLimits(stack), StackBrakes(stack)

    @property
    def errors(self) -> DynamoErrors:
        return self.stack.errors

    @property
    def ledger(self) -> DynamoLedger:
        return self.stack.ledger

    @property
    def undelivered(self) -> UndeliveredQueue | None:
        return self.stack.undelivered

    def read_back(self, batch: Batch) -> Iterator[bytes]:
        return self.stack.read_back(batch)

    def count_undelivered(self) -> int | None:
        url = self.stack.queue_url
        if url is None:
            return None
        with calls(url):
            return count_messages(self.stack.clients.sqs, url)

    def dismiss(self, item: ErrorItem) -> bool:
        return self.errors.delete(item.request_id, item.revision)

    def run_id(self, event: ObjectEvent) -> str:
        return ""

    def replay_state(self, event: ObjectEvent, run_id: str) -> ReplayState:
        return replay_state(event, self.ledger, self.errors)

    def status(self, *, count_ledger: bool, progress: Callable[[int], None] = lambda _: None) -> BackendStatus:
        counter = ObjectCounter()
        if count_ledger:
            counter.add_entries(self.ledger.entries(), progress)
        of_lanes, undelivered, alarms = lanes(self.stack), self.count_undelivered(), alarms_on(self.stack)
        errors, groups = counted(counter.add_items(self.errors.scan()))
        objects = counter.counts()
        return BackendStatus(
            lanes=of_lanes,
            ledger=objects.states if count_ledger else None,
            undelivered=undelivered,
            alarms=alarms,
            errors=errors,
            failed_objects=objects.failed,
            quarantined_objects=objects.quarantined,
            groups=groups,
            pauses=self.pauses() or UNSET,
            audit=(kept_audit(self.note(LAST)) if self.has_brakes else None) or UNSET,  # needs no right but theirs
        )

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None] = lambda _: None) -> DynamoKnown:
        return DynamoKnown(listed, lambda: lags(self.stack), self.ledger.stored_entries, self.errors.scan, progress)

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]:
        return ((event, False) for event in listed)

    def count_done(self, listed: Iterable[ObjectEvent]) -> None:
        """Return None: the ledger is not read for a count."""

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None:
        self.ledger.note_waiting(events)

    def tally(self, recent: float, progress: Callable[[int], None] = lambda _: None) -> LedgerTally:
        return tallied(self.ledger.scan(), recent, progress)

    def glance(self) -> Glance:
        return Glance(lanes=lanes(self.stack), errors=None, service=None)

    def note(self, name: str) -> str | None:
        return self.ledger.note(name)

    def set_note(self, name: str, text: str | None) -> None:
        self.ledger.set_note(name, text)

    def passed(self, since: float, most: int, wants: Wants) -> PassedSample:
        return passed(self.stack, since, most, wants)

    def limit(self, lane: Lane) -> LaneConfig:
        return self._limits.get(lane)

    def set_limit(self, lane: Lane, limit: LaneConfig) -> None:
        self._limits.set(lane, limit)

    @property
    def has_brakes(self) -> bool:
        return self._brakes.is_there

    def pauses(self) -> list[Pause]:
        return self._brakes.pauses()

    def pause(self, lane: Lane, reason: str, by: str) -> None:
        self._brakes.pause(lane, reason, by)

    def resume(self, lane: Lane) -> list[Pause]:
        return self._brakes.resume(lane)

    def release(self) -> int:
        if not self._brakes.has_held:
            return 0
        self.stack.sleep(SEEN_SECONDS)  # else Dispatcher may hold them back again
        events = 0
        while True:
            answer = self.drain({"release": True})
            events += int(answer["events"])
            if not (answer["more"] and answer["events"]):
                return events

    def budgets(self) -> Budgets:
        return self._brakes.budgets()

    def set_budget(self, budget: Budget) -> None:
        self._brakes.set_budget(budget)

    def functions(self) -> list[str]:
        """Return the logical names of the functions. Raises UsageError if the stack has none."""
        names = [name for name in (*FUNCTIONS, AUDIT) if name in self.stack.made]
        if not names:
            raise self.stack.lacks("functions", "some of: " + ", ".join(FUNCTIONS))
        return names

    def logs(
        self, functions: Sequence[str], since: float, containing: str | None = None, *, follow: bool = False
    ) -> Iterator[LogLine]:
        if follow:
            return logs.following(
                lambda since: logs.logs(self.stack, functions, since, containing), since, self.stack.sleep
            )
        return logs.logs(self.stack, functions, since, containing)

    def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of the Drain function, after up to 15 minutes. `more` in it means that the time was up."""
        function = self.stack.function("Drain")
        if "SLIPS_ERROR_TABLE" not in self.stack.variables("Drain"):
            # The Drain function of the original slips ignores the request, and drains all items.
            raise self.stack.lacks("Drain function of this version", "one, or its config (-c FILE) to drain from here")
        with calls(function):
            answer = self.stack.clients.patient_functions.invoke(FunctionName=function, Payload=json.dumps(request))
            body = answer["Payload"].read()
        result: Any = json.loads(body or b"null")
        if "FunctionError" in answer or not isinstance(result, dict):
            reason = result.get("errorMessage") if isinstance(result, dict) else result
            raise SlipsError(
                f"{function}: failed: {reason}; expected it to drain; drained items are on their lanes, the rest is "
                "still in the error table: 'slips logs Drain' tells more"
            )
        return result
