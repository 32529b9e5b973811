"""Listings of buckets in S3: what they announce, what they cost, where they go on, what they do when S3 fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slips.backends.aws.s3 import Page
from slips.backends.machine.absent import Absent
from slips.backends.machine.state import MachineState
from slips.cli.progress import Bar
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.model import ObjectEvent, Outcome
from slips.service.listing import Checkpoint, Listing, ListingSource
from slips.service.retries import ClosedError, Retries
from slips.service.sources import Arrival

GUARD = 300.0
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


class Lists:
    """Listings of a bucket by a state, whose clock stands."""

    def __init__(self, state: MachineState, store: Bucket) -> None:
        self.state, self.store, self.now = state, store, NOON
        self.pauses: list[float] = []
        self.is_closed = False

    def listing(self, bucket: S3Bucket = BUCKET, *, seconds: float | None = None) -> Listing:
        retries = Retries(self._wait, seconds=seconds, jitter=lambda pause: pause)
        return Listing("my-logs", bucket, self.store, self.state, days=10, retries=retries, clock=lambda: self.now)

    def _wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.is_closed

    def take(self, arrivals: Iterator[Arrival], *, most: int = 1_000) -> list[str]:
        """Puts what arrives on the lane, as the supervisor does. Returns its keys."""
        keys: list[str] = []
        for _ in range(most):
            arrival = next(arrivals, None)
            if arrival is None:
                break
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


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    state = MachineState.open(tmp_path / "state")
    yield state
    state.close()


def test_a_listing_announces_what_is_new_or_changed_and_nothing_twice(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    assert lists.take(lists.listing().all()) == [*"abcdefg"]
    assert lists.take(lists.listing().all()) == [], "all wait"
    lists.conclude()
    assert lists.take(lists.listing().all()) == [], "all are done"
    lists.store.etags |= {"b": "2", "aa": "1"}
    assert lists.take(lists.listing().all()) == ["aa", "b"]


def test_an_object_is_named_as_the_config_names_its_bucket(state: MachineState) -> None:
    (arrival, *_) = Lists(state, Bucket("a")).listing().all()
    assert [event.bucket_name for event in arrival.events] == ["my-logs"]


def test_a_key_that_arrives_before_the_page_at_hand_is_found_by_the_next_listing(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefgh"))

    def late(call: int) -> None:
        if call == 2:
            lists.store.etags |= {"bb": "1"}

    lists.store.meanwhile = late
    assert "bb" not in lists.take(lists.listing().all())
    assert lists.take(lists.listing().all()) == ["bb"]


def test_only_the_prefixes_of_a_bucket_are_listed(state: MachineState) -> None:
    lists = Lists(state, Bucket("a/1", "b/1", "b/c/1", "d/1"))
    assert lists.take(lists.listing(S3Bucket(s3="real", prefix=["d/", "b/c/", "b/"])).all()) == ["b/1", "b/c/1", "d/1"]
    assert lists.store.calls == ["page b/", "page d/"]


def test_an_interrupted_listing_goes_on_behind_what_is_on_its_lane(state: MachineState) -> None:
    lists = Lists(state, Bucket(*(f"{prefix}/{n}" for prefix in "abc" for n in range(4))))
    bucket = S3Bucket(s3="real", prefix=["a/", "b/", "c/"])
    assert lists.take(lists.listing(bucket).next(), most=3) == ["a/0", "a/1", "a/2", "a/3", "b/0", "b/1", "b/2"]
    lists.store.calls.clear()
    assert lists.take(lists.listing(bucket).next()) == ["b/3", "c/0", "c/1", "c/2", "c/3"]
    assert lists.store.calls == ["page b/ b/2", "page c/", "page c/ |3"]


def test_an_interrupted_listing_begins_again_with_other_prefixes(state: MachineState) -> None:
    lists = Lists(state, Bucket("a/1", "b/1", "b/2", "b/3", "b/4"))
    lists.take(lists.listing(S3Bucket(s3="real", prefix=["b/"])).next(), most=1)
    assert lists.take(lists.listing(S3Bucket(s3="real", prefix=["a/", "b/"])).next()) == ["a/1", "b/4"]


def test_what_came_in_front_of_an_interrupted_listing_is_found_by_the_next_one(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefg"))
    lists.take(lists.listing().next(), most=1)
    lists.store.etags |= {"a": "1"}
    assert lists.take(lists.listing().next()) == ["e", "f", "g"]
    assert lists.take(lists.listing().next()) == ["a"]


def test_run_lists_all_whatever_was_interrupted(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefg"))
    lists.take(lists.listing().next(), most=1)
    lists.store.etags |= {"a": "1"}
    assert lists.take(lists.listing().all()) == ["a", "e", "f", "g"]


def test_a_checkpoint_that_cannot_be_read_means_a_listing_of_all(state: MachineState) -> None:
    state.set_checkpoint("listing my-logs", '{"complete": "yesterday"}')
    lists = Lists(state, Bucket("a"))
    assert lists.take(lists.listing().next()) == ["a"]


def test_pages_without_order_are_announced_and_checkpoints_do_not_skip_them(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    lists.store.order = lambda keys: sorted(keys, reverse=True)
    state.ledger.finish(ObjectEvent(bucket_name="my-logs", object_key="x", object_etag="1"), Outcome())
    assert lists.take(lists.listing().next(), most=2) == [*"gfedcb"]
    assert lists.take(lists.listing().next()) == ["a"]
    assert state.select("SELECT * FROM absent") == [], "what is absent cannot be known"


def test_objects_that_are_deleted_are_forgotten_page_by_page(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    state.absent = Absent(state, lambda: lists.now)
    lists.take(lists.listing().all())
    lists.conclude()
    for key in "adg":
        del lists.store.etags[key]
    lists.take(lists.listing().all())
    lists.now += 11 * DAY
    lists.take(lists.listing().all())
    assert [entry.key for entry in state.ledger.scan()] == [*"bcef"]


def test_a_page_that_is_empty_and_not_the_last_makes_nothing_absent(state: MachineState) -> None:
    lists = Lists(state, Bucket())
    state.ledger.finish(ObjectEvent(bucket_name="my-logs", object_key="x", object_etag="1"), Outcome())
    pages = [Page([], "1"), Page([ObjectEvent(bucket_name="my-logs", object_key="y", object_etag="1")], "2")]
    pages.append(Page([ObjectEvent(bucket_name="my-logs", object_key="z", object_etag="1")], ""))
    lists.store.page = lambda *_, **__: pages.pop(0)  # type: ignore[method-assign]
    assert lists.take(lists.listing().all()) == ["y", "z"]
    assert state.select("SELECT key FROM absent") == [("x",)], "once, when its place was listed"


@pytest.mark.parametrize(
    ("since", "keys"), [("2026-02-28", ["b", "c"]), ("2026-02-28T12:00Z", ["c"]), (None, ["a", "b", "c"])]
)
def test_objects_that_changed_before_a_date_are_left_alone(
    state: MachineState, since: str | None, keys: list[str]
) -> None:
    lists = Lists(state, Bucket(*"abc"))
    lists.store.times = {
        "a": "2026-02-27T23:59:59.999Z",
        "b": "2026-02-28T00:00:00.000Z",
        "c": "2026-02-28T12:00:00.000Z",
    }
    assert lists.take(lists.listing(S3Bucket(s3="real", since=since)).all()) == keys


# ---- recent keys


DATED = S3Bucket(s3="real", recent=["%Y/%m/%d/"], window=2 * DAY, full=DAY)


def dated(*days: int) -> list[str]:
    """Four keys of each day of February, or of March if the day is above 28."""
    return [f"2026/{'02' if day <= 28 else '03'}/{(day - 1) % 28 + 1:02}/{n}" for day in days for n in range(4)]


def test_between_listings_of_all_keys_only_those_of_the_last_days_are_listed(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(*range(1, 30)), size=10))
    assert len(lists.take(lists.listing(DATED).next())) == 29 * 4
    assert len(lists.store.calls) == 12
    lists.store.calls.clear()
    lists.store.etags |= {"2026/02/01/late": "1", "2026/02/27/late": "1", "2026/03/01/new": "1"}
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/27/late", "2026/03/01/new"]
    assert lists.store.calls == ["page  2026/02/27", "page  2026/02/27|10"]
    lists.now += DAY
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/01/late"]


def test_keys_behind_the_window_are_not_paged_through(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(28, 29), *(f"zzz/{n}" for n in range(100)), size=10))
    lists.take(lists.listing(DATED).next())
    lists.store.calls.clear()
    lists.take(lists.listing(DATED).next())
    assert len(lists.store.calls) <= 2


def test_a_clock_that_was_set_back_means_a_listing_of_all(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(1, 29)))
    lists.take(lists.listing(DATED).next())
    lists.now -= 300 * DAY
    lists.store.etags |= {"2026/02/01/late": "1"}
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/01/late"]


def test_recent_keys_outside_of_the_prefixes_are_left_out(state: MachineState) -> None:
    bucket = S3Bucket(s3="real", prefix=["a/x/"], recent=["*/x/%Y/"])
    lists = Lists(state, Bucket("a/x/2026/1", "b/x/2026/1"))
    lists.take(lists.listing(bucket).next())
    lists.store.etags |= {"a/x/2026/2": "1"}
    assert lists.take(lists.listing(bucket).next()) == ["a/x/2026/2"]


# ---- failures


def slow_down() -> StorageError:
    return StorageError("s3://my-logs/: S3 answers SlowDown: Please reduce your request rate.", passing=True)


def test_a_page_that_fails_is_asked_for_again_after_growing_pauses(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcd"))
    lists.store.failures = [slow_down() for _ in range(8)]
    assert lists.take(lists.listing().all()) == [*"abcd"]
    assert lists.pauses == [1, 2, 4, 8, 16, 32, 60, 60]


class Forgetful(Bucket):
    """Refuses the token of the third page, as a server that does not know it any more."""

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page:
        if then.endswith("|4"):
            self.calls.append("refused")
            raise StorageError("InvalidArgument: the continuation token is incorrect")
        return super().page(bucket, prefix, after=after, then=then)


def test_a_listing_whose_token_is_refused_goes_on_behind_its_last_key(state: MachineState) -> None:
    lists = Lists(state, Forgetful(*"abcdefg", size=2))
    assert lists.take(lists.listing().all()) == [*"abcdefg"]
    assert lists.store.calls == ["page", "page  |2", "refused", "page  d", "page  d|2"]
    assert lists.pauses == []


def test_a_listing_without_order_whose_token_is_refused_leaves_no_key_out(state: MachineState) -> None:
    lists = Lists(state, Forgetful(*"abcdefg", size=2))
    lists.store.order = lambda keys: sorted(keys, reverse=True)
    with pytest.raises(StorageError, match="token is incorrect"):
        lists.take(lists.listing(seconds=60).all())


def test_run_gives_up_on_a_bucket_that_fails_for_a_minute(state: MachineState) -> None:
    lists = Lists(state, Bucket("a"))
    lists.store.failures = [slow_down() for _ in range(100)]
    with pytest.raises(StorageError, match="SlowDown"):
        lists.take(lists.listing(seconds=60.0).all())
    assert sum(lists.pauses) == 63


def test_run_gives_up_at_once_on_a_bucket_that_is_denied_or_does_not_exist(state: MachineState) -> None:
    lists = Lists(state, Bucket("a"))
    lists.store.failures = [StorageError("s3://my-logs/: S3 answers NoSuchBucket")]
    with pytest.raises(StorageError, match="NoSuchBucket"):
        lists.take(lists.listing(seconds=60.0).all())
    assert lists.pauses == []


def test_closing_ends_the_pause_of_a_page_that_fails(state: MachineState) -> None:
    lists = Lists(state, Bucket("a"))
    lists.store.failures, lists.is_closed = [slow_down()], True
    with pytest.raises(ClosedError):
        lists.take(lists.listing().all())


# ---- the source, with its thread


class Woken:
    """Waits for what a source announces."""

    def __init__(self, source: ListingSource) -> None:
        self._source, self._event = source, threading.Event()
        source.open(self._event.set)

    def until(self, ready: Callable[[list[Arrival]], Any]) -> list[Arrival]:
        found: list[Arrival] = []
        for _ in range(int(GUARD * 100)):
            found += self._source.take()
            if ready(found):
                return found
            self._event.wait(0.01)
            self._event.clear()
        raise AssertionError("the source announces nothing")


def source_of(state: MachineState, store: Bucket, bucket: S3Bucket = BUCKET, *, once: bool = False) -> ListingSource:
    return ListingSource(
        "my-logs", bucket, lambda: store, state.directory, days=10, once=once, jitter=lambda pause: pause / 100
    )


def keys_of(arrivals: Sequence[Arrival]) -> list[str]:
    return [event.object_key for arrival in arrivals for event in arrival.events]


def test_a_source_of_run_lists_once_and_is_exhausted(state: MachineState) -> None:
    source = source_of(state, Bucket(*"abcde"), once=True)
    assert not source.is_exhausted
    arrivals = Woken(source).until(lambda _: source.is_exhausted)
    assert (keys_of(arrivals), source.problem) == ([*"abcde"], None)
    source.close()


def test_a_source_of_run_that_gives_up_says_why(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [StorageError("s3://my-logs/: S3 answers NoSuchBucket")]
    source = source_of(state, store, once=True)
    assert keys_of(Woken(source).until(lambda _: source.is_exhausted)) == []
    assert source.problem == "s3://my-logs/: S3 answers NoSuchBucket"
    source.close()


def test_a_source_that_fails_says_why_and_goes_on_when_it_can(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [StorageError("s3://my-logs/: S3 answers AccessDenied")] * 1_000
    source = source_of(state, store)
    woken = Woken(source)
    woken.until(lambda _: source.problem == "s3://my-logs/: S3 answers AccessDenied")
    store.failures.clear()
    assert keys_of(woken.until(keys_of)) == ["a"]
    assert (source.problem, source.is_exhausted) == (None, False)
    source.close()


def test_a_bucket_that_is_suspected_is_away_until_its_server_answers(state: MachineState) -> None:
    store = Bucket("a")
    source = source_of(state, store, S3Bucket(s3="real", poll=0, webhook=True))
    woken = Woken(source)
    store.failures = [StorageError("s3://my-logs/: cannot be reached", away=True)] * 1_000
    assert (source.is_away, store.calls) == (False, []), "a bucket that is never listed is not asked without need"
    source.suspect()
    woken.until(lambda _: source.is_away)
    assert source.problem == "s3://my-logs/: cannot be reached"
    store.failures.clear()
    woken.until(lambda _: not source.is_away)
    assert source.problem is None
    assert source.take() == []
    source.close()


def test_a_bucket_whose_listing_is_throttled_or_denied_is_not_away(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [slow_down()] * 1_000
    source = source_of(state, store)
    Woken(source).until(lambda _: source.problem)
    assert not source.is_away
    source.close()


def test_a_fault_in_a_source_is_shown_and_does_not_end_it(
    state: MachineState, caplog: pytest.LogCaptureFixture
) -> None:
    store = Bucket("a")
    store.failures = [ZeroDivisionError("division by zero")] * 1_000
    source = source_of(state, store)
    woken = Woken(source)
    woken.until(lambda _: "a fault of slips, ZeroDivisionError" in (source.problem or ""))
    store.failures.clear()
    assert keys_of(woken.until(keys_of)) == ["a"]
    assert "ZeroDivisionError" in caplog.text
    source.close()


def test_the_checkpoint_of_a_complete_listing_says_when_it_began(state: MachineState) -> None:
    lists = Lists(state, Bucket("a"))
    lists.take(lists.listing().all())
    assert state.checkpoint("listing my-logs") == f'{{"complete":{NOON:.1f}}}'
    assert Checkpoint().after == ""


def test_the_progress_of_run_grows_with_what_a_listing_finds() -> None:
    bar = Bar(verbose=False)
    bar.started(2, 100)
    bar.arrived("listing of my-logs", 1_000, 3)
    bar.arrived("listing of my-logs", 500, 0)
    assert [task.total for task in bar.progress_bar.tasks] == [1_502]
