"""The brakes of a stack's lanes as operators see and set them, while the stack runs."""

from __future__ import annotations

from functools import cached_property

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.stack import DeployedStack
from slips.brakes import Brake, Budget, Pause, budget_in, budget_pause, day_of
from slips.model import LANES, Lane
from slips.operations import Budgets

TABLE = "SLIPS_LEDGER_TABLE"


class StackBrakes:
    """Reads and sets the brakes of a stack. Dispatchers of the version before have none: their lanes never pause."""

    def __init__(self, stack: DeployedStack) -> None:
        self._stack = stack

    @cached_property
    def _store(self) -> DynamoBrakes | None:
        table = self._stack.variables(DISPATCHERS["fast"]).get(TABLE)
        return None if table is None else DynamoBrakes(self._stack.clients.dynamodb, table)

    @property
    def is_there(self) -> bool:
        """Whether the stack's Dispatchers look at brakes."""
        return self._store is not None

    @property
    def has_held(self) -> bool:
        """Whether the error table may have objects that a pause keeps there."""
        return self._store is not None and bool(self._store.read().held)

    @property
    def _needed(self) -> DynamoBrakes:
        if self._store is None:
            raise self._stack.lacks("brakes", "Dispatchers of this version, which look at them")
        return self._store

    def pauses(self) -> list[Pause]:
        """Return why objects wait; [] if the stack has no brakes."""
        if self._store is None:
            return []
        now, today = self._stack.clock(), self.budgets()
        found = [brake.pause for brake in self._store.read().brakes]
        found += [budget_pause(lane, today.spent, today.budget, now) for lane in LANES]
        return [each for each in found if each is not None]

    def pause(self, lane: Lane, reason: str, by: str) -> None:
        """Let Dispatcher start no further object of a lane, some seconds from now.

        A lane that an operator has paused gets the new reason.
        """
        before = self._needed.read().brake(lane, "")
        since = self._stack.clock() if before is None else before.since
        self._needed.put(Brake(lane, since=since, reason=reason, by=by))

    def resume(self, lane: Lane) -> list[Pause]:
        """End all pauses of a lane, and return them. Of a spent budget, let one more be spent today."""
        store, now = self._needed, self._stack.clock()
        ended = [each for each in self.pauses() if each.lane == lane]
        for brake in store.read().brakes:
            if brake.lane == lane:
                store.put(brake.released())
        today = self.budgets()
        if more := today.spent.granted_again(today.budget).granted - today.spent.granted:
            store.spend(today.spent.day, 0, 0, now, granted=more)
        return ended

    def budgets(self) -> Budgets:
        """Return what may start in a day, and what has started today."""
        day, store = day_of(self._stack.clock()), self._needed
        return Budgets(store.read().budget or self._configured, store.spent(day))

    def set_budget(self, budget: Budget) -> None:
        """Set what may start in a day, until it is set again."""
        self._needed.set_budget(None if budget == self._configured else budget)

    @property
    def _configured(self) -> Budget:
        return budget_in(self._stack.variables(DISPATCHERS["fast"]))
