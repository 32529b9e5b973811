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
        """Promise nothing yet. `busy` are the workers with an object in hand: the promise of any other is void."""
        self._busy = busy
        self._owners: dict[int, Worker] = {}

    def suits(self, worker: Worker, delivery: Delivery) -> bool:
        """Whether no worker but this one fetches the object of a delivery."""
        owner = self._owners.get(delivery.id, worker)
        return owner is worker or owner not in self._busy

    def make(self, worker: Worker, waiting: Iterable[Delivery], share: int) -> list[ObjectEvent]:
        """Promise a worker the first `share` of the waiting objects, and return their events."""
        found: list[ObjectEvent] = []
        for each in waiting:
            if len(found) >= min(OBJECTS, share):
                break
            if self.suits(worker, each):
                self._owners[each.id] = worker
                found.append(each.event)
        return found

    def keep(self, delivery: Delivery) -> None:
        """Forget the promise of a delivery that starts now."""
        self._owners.pop(delivery.id, None)
