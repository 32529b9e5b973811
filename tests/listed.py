"""A bucket whose pages a test makes and breaks, and listings of it by a real state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from slips.backends.aws.s3 import Page
from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.model import ObjectEvent, Outcome
from slips.service.listing import Listing, Step

DAY = 86_400
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
BUCKET = S3Bucket(s3="real")


class Bucket:
    """A bucket with pages of `size` keys that fails as ordered, and counts calls."""

    def __init__(self, *keys: str, size: int = 3) -> None:
        self.etags = dict.fromkeys(keys, "1")
        self.times: dict[str, str] = {}
        self.size = size
        self.calls: list[str] = []
        self.failures: list[Exception] = []
        """What the next calls raise, whatever they ask for."""
        self.broken: dict[str, Exception] = {}
        """What each call raises that begins so."""
        self.meanwhile: Callable[[int], None] = lambda _: None
        """Called with the number of each call."""
        self.order: Callable[[Iterable[str]], list[str]] = sorted

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page:
        self._call(f"page {prefix} {after or then}".strip())
        if then:
            after, _, number = then.partition("|")
        at = int(number) if then else 0
        keys = [key for key in self.order(self.etags) if key.startswith(prefix) and key > after]
        events = [
            ObjectEvent(
                bucket_name=bucket,
                object_key=key,
                object_etag=self.etags[key],
                event_time=self.times.get(key, "2026-03-01T00:00:00.000Z"),
            )
            for key in keys[at : at + self.size]
        ]
        return Page(events, f"{after}|{at + self.size}" if len(keys) > at + self.size else "")

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]:
        self._call(f"folders {prefix}")
        below = (key.removeprefix(prefix) for key in self.etags if key.startswith(prefix))
        return sorted({f"{prefix}{rest.partition('/')[0]}/" for rest in below if "/" in rest})

    def _call(self, what: str) -> None:
        self.meanwhile(len(self.calls))
        self.calls.append(what)
        if self.failures:
            raise self.failures.pop(0)
        for beginning, error in self.broken.items():
            if what.startswith(beginning):
                raise error


class Lists:
    """Listings of a bucket by a state, whose clock stands."""

    def __init__(self, state: MachineState, store: Bucket) -> None:
        self.state, self.store, self.now = state, store, NOON
        self.errors: list[str] = []
        """What calls failed for, in order."""

    def listing(self, bucket: S3Bucket = BUCKET, prefix: str = "") -> Listing:
        return Listing("my-logs", bucket, prefix, self.store, self.state, days=10, clock=lambda: self.now)

    def take(self, steps: Iterator[Step], *, most: int = 1_000) -> list[str]:
        """Puts what arrives on the lane, as the supervisor does. Returns its keys."""
        keys: list[str] = []
        for _ in range(most):
            arrival = next(steps, None)
            if arrival is None:
                break
            if isinstance(arrival, StorageError):
                self.errors.append(str(arrival))
                continue
            with self.state.transaction():
                self.state.stream.put("fast", arrival.events)
                if arrival.taken:
                    arrival.taken(self.state)
            keys += [event.object_key for event in arrival.events]
        return keys

    def conclude(self) -> None:
        """All that waits is done."""
        for delivery in self.state.stream.take(10_000, {}):
            self.state.ledger.finish(delivery.event, Outcome())
            self.state.stream.acknowledge(delivery)


def slow_down() -> StorageError:
    return StorageError("s3://my-logs/: S3 answers SlowDown: Please reduce your request rate.", passing=True)


def internal_error() -> StorageError:
    return StorageError("s3://my-logs/: S3 answers InternalError", passing=True, away=True)
