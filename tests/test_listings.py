"""Listings of the prefixes of a bucket in S3: each on its own, at its own pace, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

import pytest

from listed import BUCKET, Bucket, Lists, internal_error, slow_down
from slips.backends.machine.state import MachineState
from slips.cli.progress import Bar
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.service.listings import PROBE_SECONDS, Listings, ListingSource
from slips.service.sources import Arrival

GUARD = 300.0
DENIED = StorageError("s3://my-logs/b/: S3 answers AccessDenied")
PREFIXES = S3Bucket(s3="real", prefix=["a/", "b/", "c/"])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    state = MachineState.open(tmp_path / "state")
    yield state
    state.close()


class Day:
    """The listings of a bucket, and a clock that a test moves: from one step that is due to the next."""

    def __init__(self, state: MachineState, *keys: str, bucket: S3Bucket = PREFIXES, once: bool = False) -> None:
        self.lists, self.now = Lists(state, Bucket(*keys)), 0.0
        self.store = self.lists.store
        self.store.meanwhile = lambda _: self.asked_at.append(self.now)
        self.asked_at: list[float] = []
        """When each call was made."""
        self.listings = Listings(
            "listing of my-logs",
            {prefix: self.lists.listing(bucket, prefix) for prefix in bucket.prefixes},
            poll=bucket.poll_seconds or inf,
            once=once,
            clock=lambda: self.now,
            jitter=lambda pause: pause,
        )

    def until(self, end: float) -> list[str]:
        """Take all steps that are due up to a time. Return the keys that were found."""
        keys: list[str] = []
        while not self.listings.is_over and self.now + self.listings.seconds_left() <= end:
            self.now += self.listings.seconds_left()
            if arrival := self.listings.step():
                keys += self.lists.take(iter([arrival]))
        self.now = end
        return keys


def test_only_the_prefixes_of_a_bucket_are_listed(state: MachineState) -> None:
    day = Day(state, "a/1", "b/1", "b/c/1", "d/1", bucket=S3Bucket(s3="real", prefix=["d/", "b/c/", "b/"]))
    assert sorted(day.until(0)) == ["b/1", "b/c/1", "d/1"]
    assert sorted(day.store.calls) == ["page b/", "page d/"]


def test_each_prefix_is_listed_again_after_poll(state: MachineState) -> None:
    day = Day(state, "a/1", "b/1", "c/1")
    day.until(900)
    assert sorted(set(day.asked_at)) == [0, 300, 600, 900]
    assert len(day.asked_at) == 12


def test_a_prefix_that_is_denied_for_good_is_told_tried_with_growing_pauses_and_stops_no_other(
    state: MachineState,
) -> None:
    day = Day(state, "a/1", "b/1", "c/1")
    day.store.broken = {"page b/": DENIED}
    assert sorted(day.until(0)) == ["a/1", "c/1"]
    assert day.listings.problems == {"listing of my-logs/b/": str(DENIED)}
    day.store.etags |= {"a/2": "1", "c/2": "1"}
    assert sorted(day.until(300)) == ["a/2", "c/2"]
    asked = [at for call, at in zip(day.store.calls, day.asked_at, strict=True) if call == "page b/"]
    assert asked == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert not day.listings.is_away
    day.store.broken = {}
    assert day.until(303) == ["b/1"]
    assert day.listings.problems == {}


def test_what_a_listing_had_when_it_failed_is_not_listed_again(state: MachineState) -> None:
    day = Day(state, *(f"b/{number}" for number in range(9)), "c/1")
    day.store.broken = {"page b/ |3": internal_error(), "page b/ b/2": internal_error()}
    assert sorted(day.until(60)) == ["b/0", "b/1", "b/2", "c/1"]
    assert list(day.listings.problems) == ["listing of my-logs/b/"]
    assert len(day.store.calls) < 20, "no busy loop"
    day.store.broken = {}
    day.store.calls.clear()
    assert day.until(70) == ["b/3", "b/4", "b/5", "b/6", "b/7", "b/8"]
    assert day.store.calls == ["page b/ b/2", "page b/ b/2|3"]
    assert day.listings.problems == {}


@pytest.mark.parametrize("keys", [["b/0", "b/1", "b/2", "b/3", "c/1"], ["b/0", "b/1", "b/2", "b/3"]])
def test_a_further_page_that_always_answers_500_is_told_and_keeps_no_object_waiting(
    state: MachineState, keys: list[str]
) -> None:
    """The objects can be read: the bucket is not away, though it has no other prefix."""
    bucket = S3Bucket(s3="real", prefix=sorted({f"{key[0]}/" for key in keys}))
    day = Day(state, *keys, bucket=bucket)
    day.store.broken = {"page b/ |3": internal_error(), "page b/ b/2": internal_error()}
    seen: set[tuple[bool, tuple[str, ...]]] = set()
    for second in range(600):
        day.until(second)
        seen.add((day.listings.is_away, tuple(day.listings.problems.values())))
    assert seen == {(False, (str(internal_error()),))}, "it is told once"


def test_a_prefix_of_many_pages_does_not_delay_the_others(state: MachineState) -> None:
    day = Day(state, *(f"a/{number:03}" for number in range(300)), "b/1", "c/1")
    day.until(0)
    assert day.store.calls.index("page c/") < 5


def test_a_prefix_whose_many_pages_have_nothing_new_does_not_delay_the_others(state: MachineState) -> None:
    day = Day(state, *(f"a/{number:03}" for number in range(300)), "b/1", "c/1")
    day.until(0)
    day.lists.conclude()
    day.store.calls.clear()

    def takes_ten_seconds(_: int) -> None:
        day.now += 10

    day.store.meanwhile = takes_ten_seconds
    assert day.until(1_290) == []
    assert day.store.calls.count("page b/") == 4, "each 300 s, beside the one listing of 'a/', which takes 1,000"


def test_a_bucket_whose_server_does_not_answer_is_one_problem_and_all_prefixes_go_on_when_it_does(
    state: MachineState,
) -> None:
    day = Day(state, "a/1", "b/1", "c/1")
    day.store.broken = {"page": internal_error()}
    told: list[dict[str, str]] = []
    for tenth in range(1200):
        day.until(tenth / 10)
        if not told or told[-1] != day.listings.problems:
            told.append(day.listings.problems)
    assert day.listings.is_away
    assert told == [{"listing of my-logs": str(internal_error())}]
    day.store.broken = {}
    assert sorted(day.until(180)) == ["a/1", "b/1", "c/1"]
    assert (day.listings.is_away, day.listings.problems) == (False, {})


def test_one_prefix_that_always_answers_500_does_not_make_the_bucket_be_away_for_the_others(
    state: MachineState,
) -> None:
    day = Day(state, "a/1", "b/1", "c/1")
    day.store.broken = {"page a/": internal_error()}
    assert sorted(day.until(600)) == ["b/1", "c/1"]
    assert (day.listings.is_away, list(day.listings.problems)) == (False, ["listing of my-logs/a/"])


def test_a_fault_in_the_look_is_told_and_keeps_no_object_waiting(
    state: MachineState, caplog: pytest.LogCaptureFixture
) -> None:
    day = Day(state, "a/1", bucket=S3Bucket(s3="real", poll=0, webhook=True))
    day.store.failures = [ZeroDivisionError("division by zero")]
    day.listings.suspect()
    day.until(0)
    assert not day.listings.is_away
    assert "a fault of slips, ZeroDivisionError" in day.listings.problems["listing of my-logs"]
    day.until(1)
    assert (day.listings.problems, "ZeroDivisionError" in caplog.text) == ({}, True)


def test_a_suspicion_is_looked_into_at_most_every_ten_seconds(state: MachineState) -> None:
    day = Day(state, "a/1", bucket=S3Bucket(s3="real", poll=0, webhook=True))
    for second in range(100):
        day.listings.suspect()
        day.until(second)
    assert [at % PROBE_SECONDS for at in day.asked_at] == [0] * 10


def test_a_bucket_that_may_not_be_listed_is_not_away_and_no_problem_if_it_never_is(state: MachineState) -> None:
    """The rights of the service, with a queue alone, have no `s3:ListBucket`; an object may be gone all the same."""
    day = Day(state, "a/1", bucket=S3Bucket(s3="real", poll=0, sqs="https://sqs"))
    day.store.broken = {"page": DENIED}
    day.listings.suspect()
    day.until(100)
    assert (day.store.calls, day.listings.is_away, day.listings.problems) == (["page"], False, {})


# ---- for `slips run`


def test_run_gives_up_on_a_prefix_that_fails_for_a_minute_and_lists_the_others(state: MachineState) -> None:
    day = Day(state, "a/1", "b/1", "c/1", once=True)
    day.store.broken = {"page b/": slow_down()}
    assert sorted(day.until(1_000)) == ["a/1", "c/1"]
    assert day.listings.is_over
    assert day.listings.failures == {"listing of my-logs/b/": str(slow_down())}
    assert max(day.asked_at) == 63


def test_run_gives_up_at_once_on_a_prefix_that_is_denied(state: MachineState) -> None:
    day = Day(state, "a/1", "b/1", "c/1", once=True)
    day.store.broken = {"page b/": DENIED}
    assert sorted(day.until(0)) == ["a/1", "c/1"]
    assert (day.listings.is_over, day.store.calls.count("page b/")) == (True, 1)


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
    assert (keys_of(arrivals), source.problems) == ([*"abcde"], {})
    source.close()


def test_a_source_of_run_that_gives_up_says_why(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [StorageError("s3://my-logs/: S3 answers NoSuchBucket")]
    source = source_of(state, store, once=True)
    assert keys_of(Woken(source).until(lambda _: source.is_exhausted)) == []
    assert source.problems == {"listing of my-logs": "s3://my-logs/: S3 answers NoSuchBucket"}
    source.close()


def test_a_source_that_fails_says_why_and_goes_on_when_it_can(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [StorageError("s3://my-logs/: S3 answers AccessDenied")] * 1_000
    source = source_of(state, store)
    woken = Woken(source)
    woken.until(lambda _: source.problems == {"listing of my-logs": "s3://my-logs/: S3 answers AccessDenied"})
    store.failures.clear()
    assert keys_of(woken.until(keys_of)) == ["a"]
    assert (source.problems, source.is_exhausted) == ({}, False)
    source.close()


def test_a_bucket_that_is_suspected_is_away_until_its_server_answers(state: MachineState) -> None:
    store = Bucket("a")
    source = source_of(state, store, S3Bucket(s3="real", poll=0, webhook=True))
    woken = Woken(source)
    store.failures = [StorageError("s3://my-logs/: cannot be reached", away=True)] * 1_000
    assert (source.is_away, store.calls) == (False, []), "a bucket that is never listed is not asked without need"
    source.suspect()
    woken.until(lambda _: source.is_away)
    assert source.problems == {"listing of my-logs": "s3://my-logs/: cannot be reached"}
    store.failures.clear()
    woken.until(lambda _: not source.is_away)
    assert source.problems == {}
    assert source.take() == []
    source.close()


def test_a_bucket_whose_listing_is_throttled_or_denied_is_not_away(state: MachineState) -> None:
    store = Bucket("a")
    store.failures = [slow_down()] * 1_000
    source = source_of(state, store)
    Woken(source).until(lambda _: source.problems)
    assert not source.is_away
    source.close()


def test_a_fault_in_a_source_is_shown_and_does_not_end_it(
    state: MachineState, caplog: pytest.LogCaptureFixture
) -> None:
    store = Bucket("a")
    store.failures = [ZeroDivisionError("division by zero")] * 1_000
    source = source_of(state, store)
    woken = Woken(source)
    woken.until(lambda _: "a fault of slips, ZeroDivisionError" in str(source.problems))
    store.failures.clear()
    assert keys_of(woken.until(keys_of)) == ["a"]
    assert "ZeroDivisionError" in caplog.text
    source.close()


def test_the_progress_of_run_grows_with_what_a_listing_finds() -> None:
    bar = Bar(verbose=False)
    bar.started(2, 100)
    bar.arrived("listing of my-logs", 1_000, 3)
    bar.arrived("listing of my-logs", 500, 0)
    assert [task.total for task in bar.progress_bar.tasks] == [1_502]
