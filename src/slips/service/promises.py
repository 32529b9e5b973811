"""Which worker fetches which objects of S3 ahead, so that it gets those next."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from slips.backends.aws.ahead import OBJECTS
from slips.backends.machine.lanes import Delivery
from slips.model import ObjectEvent
from slips.service.worker_process import Worker


class Promises:
    """The workers that fetch the objects of deliveries, by the deliveries' ids."""

    def __init__(self, busy: Collection[Worker]) -> None:
        """Promise nothing yet. `busy` are the workers with an object in hand."""
        self._busy = busy
        self._owners: dict[int, Worker] = {}

    def suits(self, worker: Worker, delivery: Delivery) -> bool:
        """Whether no worker but this one fetches the object of a delivery."""
        return self._owners.get(delivery.id, worker) is worker

    def make(self, worker: Worker, waiting: Iterable[Delivery], share: int) -> list[ObjectEvent]:
        """Promise a worker the first `share` of the waiting objects, and return their events.

        What it was promised before stays promised, also beyond its share: it may be in its memory by now.
        """
        found: list[ObjectEvent] = []
        for each in waiting:
            if len(found) == OBJECTS:
                break
            if self._owners.get(each.id) is worker or (len(found) < share and self.suits(worker, each)):
                self._owners[each.id] = worker
                found.append(each.event)
        return found

    def keep(self, delivery: Delivery) -> None:
        """Forget the promise of a delivery that starts now."""
        self._owners.pop(delivery.id, None)

    def end(self, worker: Worker) -> None:
        """Forget the promises of a worker that died."""
        self._owners = {number: owner for number, owner in self._owners.items() if owner is not worker}

    def end_of_idle(self) -> None:
        """Forget the promises of workers that have no object, once all that may have one were given one.

        Between two objects a worker is idle for a moment, and has in its memory what it was promised.
        """
        if not all(owner in self._busy for owner in self._owners.values()):
            self._owners = {number: owner for number, owner in self._owners.items() if owner in self._busy}
