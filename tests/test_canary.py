"""Promises of a canary: the first items of a group decide by their outcome whether the rest follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import pytest
from msgspec.structs import asdict, replace

from fakes import FakeSite, config_of, object_event
from invocations import JSON, Scene, _fresh_sink, site_of
from slips.backends.aws.replays import replay_state
from slips.config import Route
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import StreamError, UnfinishedError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Operations, ReplayState
from slips.parsing.run import Ticker
from slips.pipeline.canary import Canary, CanaryGroup, SenderByFunction, SenderHere
from slips.pipeline.drain import DrainRequest, DrainResult, drain
from slips.pipeline.replay import replay
from slips.pipeline.report import report_lost

__all__ = ["_fresh_sink"]

RAISES, BAD, MENDED = b'{"message": "raise"}\n', b'{"n": 1}\nbad\n', b'{"n": 1}\n{"n": 2}\n'


class Stack:
    """A stack in memory, whose functions work during each sleep of the drain, if they work at all."""

    name, kind = "test", "stack"

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.scene, self.now, self.invocations, self.works = Scene(objects, JSON), 0.0, 0, True
        self.errors, self.ledger, self.lane = self.scene.errors, self.scene.ledger, self.scene.stream.lanes["fast"]
        self.asked: list[dict[str, Any]] = []
        self.routing: list[Route] = []
        self.ticker: Callable[[], Ticker] = Ticker
        self.lane += [object_event(key) for key in objects]
        self.work()

    def work(self, attempts: int = 3) -> None:
        """Run each event of the lane in an invocation of its own, with all of its attempts."""
        while self.lane:
            event = self.lane.pop(0)
            self.invocations += 1
            run_id = f"run-{self.invocations:03}"
            for _ in range(attempts):
                self.scene.deadline = self.ticker()
                try:
                    self.scene.run(event, request_id=run_id)
                    break
                except UnfinishedError:
                    continue
            else:
                if attempts == 3:
                    cause = Cause(request_id=run_id, error_type="UnfinishedError", attempts=3)
                    report_lost(Unwrapped([event], [], cause, 0), site_of(self.scene))

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a look costs calls of AWS"
        self.now += seconds
        if self.works:
            self.work()

    def mend(self, *keys: str) -> None:
        self.scene.store.objects.update(dict.fromkeys(keys, MENDED))

    @property
    def site(self) -> FakeSite:
        """The site of drain."""
        ports = {name: getattr(self.scene, name) for name in ("store", "stream", "errors", "ledger")}
        return FakeSite(config=config_of(*JSON, routing=self.routing), **ports)

    @property
    def keys(self) -> list[str]:
        """The objects in the error table."""
        return sorted(item.events[0].object_key for item in self.errors.scan())

    # -- Operations

    def run_id(self, event: ObjectEvent) -> str:
        return ""

    def replay_state(self, event: ObjectEvent, run_id: str) -> ReplayState:
        return replay_state(event, self.ledger, self.errors)

    def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer as the Drain function does."""
        self.asked.append(request)
        done = DrainResult()
        for _ in drain(DrainRequest.of(request), self.site, done):
            pass
        return asdict(done)


class Drained(NamedTuple):
    """A drain with a canary that has ended."""

    groups: list[CanaryGroup]
    result: DrainResult

    @property
    def counts(self) -> list[tuple[int, ...]]:
        """Of each group: chosen, sent, succeeded, failed, timed out, drained, left."""
        return [(g.count, g.sent, g.succeeded, g.failed, g.timed_out, g.drained, g.left) for g in self.groups]


Run = Callable[..., Drained]


def steps(canary: Canary, request: DrainRequest, done: DrainResult, wait: float) -> Iterator[CanaryGroup]:
    """Drain as the command does, and yield each group whose canary has an outcome."""
    for _ in canary.send(request, done.note_absent):
        pass
    for each in canary.outcomes(wait):
        if isinstance(each, CanaryGroup):
            if not each.is_held:
                for _ in canary.follow(each):
                    pass
            yield each


@pytest.fixture(params=["here", "by the function"])
def run(request: pytest.FixtureRequest) -> Run:
    def run(stack: Stack, number: int, wait: float = 600, **chosen: Any) -> Drained:
        done, operations = DrainResult(), cast("Operations", stack)
        here = SenderHere(stack.site, operations, done)
        sender = here if request.param == "here" else SenderByFunction(cast("Any", stack), done)
        canary = Canary(operations, sender, number, clock=lambda: stack.now, sleep=stack.sleep)
        for _ in steps(canary, DrainRequest(**chosen), done, wait):
            pass
        return Drained(canary.groups, done)

    return run


def raising(count: int) -> dict[str, bytes]:
    return {f"a{number}": RAISES for number in range(count)}


def test_the_rest_of_a_group_follows_a_canary_that_succeeded(run: Run) -> None:
    stack = Stack(raising(5))
    stack.mend(*raising(5))
    drained = run(stack, 2)
    assert drained.counts == [(5, 2, 2, 0, 0, 3, 0)]
    assert (drained.result.drained, drained.result.lanes["fast"]) == (5, 5)
    assert [event.object_key for event in stack.lane] == ["a2", "a3", "a4"], "the oldest went first"
    stack.work()
    assert stack.keys == []


def test_a_group_whose_canary_failed_stays_where_it_is_with_the_new_error(run: Run) -> None:
    stack = Stack(raising(5))
    stack.mend("a0", "a2", "a3", "a4")
    drained = run(stack, 2)
    assert drained.counts == [(5, 2, 1, 1, 0, 0, 3)]
    assert (stack.keys, stack.lane, drained.result.drained) == (["a1", "a2", "a3", "a4"], [], 2)
    (error,) = drained.groups[0].errors
    (new,) = (item for item in stack.errors.scan() if item.events[0].object_key == "a1")
    assert (error["request_id"], error["error_type"]) == (new.request_id, "ConnectionError")
    assert new.request_id == "run-007"


def test_each_group_has_a_canary_of_its_own_and_holds_no_other(run: Run) -> None:
    stack = Stack({**raising(3), "b0": BAD, "b1": BAD})
    stack.mend(*raising(3))
    drained = run(stack, 1)
    assert drained.counts == [(3, 1, 1, 0, 0, 2, 0), (2, 1, 0, 1, 0, 0, 1)]
    assert (stack.keys, [each.is_held for each in drained.groups]) == (["b0", "b1"], [False, True])


def test_records_that_are_bad_again_fail_the_canary(run: Run) -> None:
    stack = Stack({"b0": BAD, "b1": BAD})
    (old, _) = stack.errors.scan()
    drained = run(stack, 1)
    assert drained.counts == [(2, 1, 0, 1, 0, 0, 1)]
    assert drained.groups[0].errors[0]["request_id"] != old.request_id
    assert drained.groups[0].errors[0]["message"].startswith("record 2: ")


def test_an_object_that_runs_now_but_has_bad_records_fails_the_canary(run: Run) -> None:
    stack = Stack(raising(2))
    stack.scene.store.objects["a0"] = BAD
    assert run(stack, 1).counts == [(2, 1, 0, 1, 0, 0, 1)]


def test_a_group_smaller_than_the_canary_is_the_canary(run: Run) -> None:
    stack = Stack(raising(2))
    stack.mend("a0")
    assert run(stack, 5).counts == [(2, 2, 1, 1, 0, 0, 0)]


def test_only_chosen_items_are_of_a_group(run: Run) -> None:
    stack = Stack({**raising(4), "b0": BAD})
    stack.mend("a0", "a1", "a2", "a3", "b0")
    (item, *_) = stack.errors.scan()
    assert run(stack, 1, groups=[item.fingerprint], prefix="a", limit=3).counts == [(3, 1, 1, 0, 0, 2, 0)]
    stack.work()
    assert stack.keys == ["a3", "b0"]


def test_an_item_without_an_outcome_in_time_has_timed_out_and_holds_its_group(run: Run) -> None:
    stack = Stack(raising(3))
    stack.works = False
    drained = run(stack, 1, wait=100.0)
    assert drained.counts == [(3, 1, 0, 0, 1, 0, 2)]
    assert (stack.now, stack.keys, len(stack.lane)) == (100.0, ["a1", "a2"], 1)
    assert drained.groups[0].errors == []


def test_an_item_that_timed_out_has_the_error_of_its_latest_attempt(run: Run) -> None:
    stack = Stack(raising(3))
    stack.works = False
    work = stack.work
    stack.sleep = lambda seconds: (setattr(stack, "now", stack.now + seconds), work(attempts=1))  # type: ignore
    drained = run(stack, 1, wait=100.0)
    assert drained.counts == [(3, 1, 0, 0, 1, 0, 2)]
    assert [each["error_type"] for each in drained.groups[0].errors] == ["ConnectionError"]


def test_items_that_cannot_be_replayed_stay_and_the_next_ones_are_the_canary(run: Run) -> None:
    stack = Stack({"b0": BAD, "b1": BAD, "b2": BAD})
    stack.mend("b1", "b2")
    stack.scene.store.etags["b0"] = "e2"  # overwritten
    drained = run(stack, 1)
    assert drained.counts == [(3, 1, 1, 0, 0, 1, 1)]
    assert (stack.keys, drained.result.kept) == (["b0"], 1)
    assert [note[:18] for note in drained.result.notes] == ["object overwritten"]


def test_items_that_routing_drops_are_neither_in_the_canary_nor_left(run: Run) -> None:
    stack = Stack(raising(4))
    stack.mend(*raising(4))
    for item in list(stack.errors.scan()):
        if item.events[0].object_key != "a1":  # they were never on a lane
            stack.errors.put(replace(item, events=[replace(item.events[0], lane=None, dest_stream="")]))
    stack.routing = [Route(prefix="a", dest="drop")]
    drained = run(stack, 1)
    assert drained.counts == [(4, 1, 1, 0, 0, 0, 0)]
    assert (drained.groups[0].dropped, drained.result.dropped, drained.result.kept) == (3, 3, 0)
    assert stack.keys == []


def test_items_that_leave_the_table_meanwhile_are_not_left(run: Run) -> None:
    class Taking(Stack):
        """Another process takes an item out while the canary runs."""

        def work(self, attempts: int = 3) -> None:
            for item in [each for each in self.errors.scan() if each.events[0].object_key == "a3"]:
                self.errors.discard(item.request_id)
            super().work(attempts)

    stack = Taking(raising(4))
    stack.mend(*raising(4))
    drained = run(stack, 1)
    assert drained.counts == [(4, 1, 1, 0, 0, 2, 0)]
    assert (drained.groups[0].gone, stack.keys) == (1, [])


def test_items_that_cannot_be_replayed_are_left_also_behind_the_canary(run: Run) -> None:
    stack = Stack({"b0": BAD, "b1": BAD, "b2": BAD})
    stack.mend("b0", "b2")
    stack.scene.store.etags["b1"] = "e2"  # overwritten
    assert run(stack, 1).counts == [(3, 1, 1, 0, 0, 1, 1)]


def test_an_item_of_several_objects_succeeds_with_all_of_them(run: Run) -> None:
    stack = Stack(raising(3))
    events = [object_event(key) for key in ("a0", "a1", "a2")]
    for item in list(stack.errors.scan()):
        stack.errors.discard(item.request_id)
    stack.errors.put(ErrorItem(request_id="old", events=events, fingerprint="f00d"))
    stack.errors.put(ErrorItem(request_id="older", events=events[:1], fingerprint="f00d", failed_at="2018"))
    stack.mend("a0", "a1")
    (group,) = run(stack, 5).groups
    assert (group.succeeded, group.failed, stack.keys) == (1, 1, ["a2"])


def test_the_records_of_another_reader_succeed_as_the_whole_object(run: Run) -> None:
    stack = Stack({"b0": BAD, "b1": BAD})
    stack.mend("b0", "b1")
    for item in list(stack.errors.scan()):
        stack.errors.put(replace(item, events=[replace(item.events[0], reader="other")]))
    assert run(stack, 1).counts == [(2, 1, 1, 0, 0, 1, 0)]


class Stops(Ticker):
    """A time limit that comes after two records of each run."""

    due = True

    def __init__(self) -> None:
        self._left = 2

    def tick(self, seq: int) -> bool:
        self._left -= seq > 0
        return self._left <= 0

    def passed(self, seq: int) -> None:
        """Reading over records costs no time."""


@pytest.mark.parametrize(
    ("body", "succeeds"),
    [(b'{"n": 1}\n' * 7, True), (b'{"n": 1}\n' * 6 + b"bad\n", False), (b'{"n": 1}\n' * 5 + RAISES, False)],
    ids=["all good", "a bad record in the last part", "a failed part"],
)
def test_an_object_of_several_parts_succeeds_with_the_last(run: Run, body: bytes, succeeds: bool) -> None:
    stack = Stack(raising(2))
    stack.ticker = Stops
    stack.scene.store.objects.update(a0=body, a1=body)
    assert run(stack, 1).counts == [(2, 1, 1, 0, 0, 1, 0) if succeeds else (2, 1, 0, 1, 0, 0, 1)]


def test_an_object_whose_last_part_is_done_succeeds_also_if_the_entry_of_a_part_has_expired() -> None:
    stack = Stack(raising(1))
    stack.ticker = Stops
    stack.scene.store.objects["a0"] = b'{"n": 1}\n' * 7
    sent: list[ObjectEvent] = []
    for item in list(stack.errors.scan()):
        replay(item, stack.site, on_sent=sent.append)
    stack.work()
    (event,) = sent
    entries = stack.ledger.entries
    part = next(key for key, each in entries.items() if each.records is not None)
    del entries[part]
    assert stack.replay_state(event, "").state == "succeeded"


@pytest.mark.parametrize("last", [b'{"n": 9}\n', b"bad\n"])
def test_records_of_several_parts_succeed_with_the_last(run: Run, last: bytes) -> None:
    stack = Stack({"b0": b"bad\n" + b'{"n": 1}\nbad\n' * 4})
    stack.ticker = Stops
    stack.scene.store.objects["b0"] = MENDED * 4 + last
    (group,) = run(stack, 1).groups
    assert (group.succeeded, group.failed) == ((0, 1) if last == b"bad\n" else (1, 0))
    assert [item.records for item in stack.errors.scan()] == [[(9, 9)]] * group.failed


def test_an_object_overwritten_meanwhile_succeeds_with_its_present_content(run: Run) -> None:
    stack = Stack(raising(2))
    stack.mend("a0", "a1")
    stack.scene.store.etags["a0"] = "e2"
    assert run(stack, 1).counts == [(2, 1, 1, 0, 0, 1, 0)]


def test_an_object_overwritten_by_what_fails_again_fails(run: Run) -> None:
    stack = Stack(raising(2))
    stack.scene.store.etags["a0"] = "e2"
    assert run(stack, 1).counts == [(2, 1, 0, 1, 0, 0, 1)]


def test_the_function_is_asked_for_ids_and_for_each_item_of_the_canary_by_itself() -> None:
    stack = Stack(raising(4))
    stack.mend(*raising(4))
    ids = [item.request_id for item in stack.errors.scan()]
    done, operations = DrainResult(), cast("Operations", stack)
    canary = Canary(
        operations, SenderByFunction(cast("Any", stack), done), 2, clock=lambda: stack.now, sleep=stack.sleep
    )
    for _ in steps(canary, DrainRequest(), done, 600):
        pass
    assert [each["ids"] for each in stack.asked] == [ids[:1], ids[1:2], ids[2:]]


def test_a_drain_that_stops_in_the_middle_leaves_all_on_a_lane_or_in_the_table() -> None:
    stack = Stack(raising(4))
    stack.mend(*raising(4))
    done, operations = DrainResult(), cast("Operations", stack)
    canary = Canary(operations, SenderHere(stack.site, operations, done), 2, clock=lambda: 0.0, sleep=stack.sleep)
    next(canary.send(DrainRequest(), done.note_absent))
    assert ([event.object_key for event in stack.lane], stack.keys) == (["a0"], ["a1", "a2", "a3"])
    assert [(group.sent, group.left) for group in canary.groups] == [(1, 3)]


def test_a_lane_that_refuses_ends_the_drain_with_right_counts() -> None:
    stack = Stack(raising(3))
    stack.scene.stream.faults["put a1"] = 1
    done, operations = DrainResult(), cast("Operations", stack)
    canary = Canary(operations, SenderHere(stack.site, operations, done), 2)
    with pytest.raises(StreamError):
        list(canary.send(DrainRequest(), done.note_absent))
    assert ([(group.sent, group.left) for group in canary.groups], stack.keys) == ([(1, 2)], ["a1", "a2"])


def test_a_dry_run_counts_what_would_be_sent_first_and_sends_nothing() -> None:
    stack = Stack(raising(3))
    done, operations = DrainResult(), cast("Operations", stack)
    for sender in (
        SenderHere(stack.site, operations, done, dry_run=True),
        SenderByFunction(cast("Any", stack), done, dry_run=True),
    ):
        canary = Canary(operations, sender, 2)
        list(canary.send(DrainRequest(), done.note_absent))
        assert [(group.sent, group.left) for group in canary.groups] == [(2, 1)]
    assert (stack.keys, stack.lane) == (["a0", "a1", "a2"], [])


def test_an_event_that_a_run_here_leaves_on_its_lane_is_not_waited_for() -> None:
    stack = Stack(raising(3))
    stack.mend(*raising(3))
    settled: list[list[str]] = []

    def settle(events: Sequence[ObjectEvent]) -> bool:
        settled.append([event.object_key for event in events])
        del stack.lane[0]  # the object's directory is away
        stack.work()
        return True

    done, operations = DrainResult(), cast("Operations", stack)
    canary = Canary(operations, SenderHere(stack.site, operations, done), 2, clock=lambda: 0.0)
    list(canary.send(DrainRequest(), done.note_absent))
    (group,) = (each for each in canary.outcomes(600, settle) if isinstance(each, CanaryGroup))
    assert (group.succeeded, group.timed_out, settled) == (1, 1, [["a0", "a1"]])
