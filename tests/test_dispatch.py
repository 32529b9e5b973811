"""Promises of the dispatcher: what is given to the main func, in which order, and what AWS is told to deliver again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes import object_event
from slips.backends.aws.dispatch_batch import DISPATCHER_SECONDS, SPARE, records_at_once
from slips.config import LaneConfig
from slips.envelope.lane import LaneRecord, decode, encode
from slips.errors import InvokeError
from slips.pipeline.dispatch import PAYLOAD_BYTES, SECONDS_TO_END, Dispatched, dispatch


class Lambda:
    """An Invoker that remembers; and the clock of the test: sleeps and invocations in one list."""

    def __init__(self, refuses_after: int = 1_000_000) -> None:
        self.happened: list[float | list[str]] = []
        self.payloads: list[int] = []
        self._left = refuses_after

    def invoke(self, events: Sequence[bytes]) -> None:
        if self._left == 0:
            raise InvokeError("main func: throttled")
        self._left -= 1
        self.happened.append([decode(event).object_key for event in events])
        self.payloads.append(len(b"[" + b",".join(events) + b"]"))

    def sleep(self, seconds: float) -> None:
        self.happened.append(seconds)

    @property
    def keys(self) -> list[str]:
        return [key for each in self.happened if isinstance(each, list) for key in each]


def good(number: int, key: str | None = None) -> LaneRecord:
    return LaneRecord(str(number), encode(object_event(key or f"k{number}")))


def bad(number: int | str) -> LaneRecord:
    return LaneRecord(str(number), b"", f"record {number} is no JSON")


def run(
    records: Sequence[LaneRecord], invoker: Lambda, delay: float = 0, batch_size: int = 10_000, seconds: float = 360
) -> Dispatched:
    """`seconds` are left; sleeps take theirs of it."""
    return dispatch(
        records,
        invoker=invoker,
        batch_size=batch_size,
        delay=delay,
        seconds_left=lambda: seconds - sum(each for each in invoker.happened if not isinstance(each, list)),
        sleep=invoker.sleep,
    )


def long(number: int) -> LaneRecord:
    """An event of which only eight fit into one invocation."""
    return good(number, f"{number}".ljust(11_000, "k"))


def test_each_batch_size_is_an_invocation_of_its_own_after_a_delay_of_its_own() -> None:
    invoker = Lambda()
    assert run([good(number) for number in range(5)], invoker, delay=7, batch_size=2) == Dispatched(5, "", "", 3)
    assert invoker.happened == [7, ["k0", "k1"], 7, ["k2", "k3"], 7, ["k4"]]


def test_a_group_that_the_time_does_not_reach_to_comes_again_and_the_first_never_does() -> None:
    invoker = Lambda()
    records = [good(number) for number in range(6)]
    done = run(records, invoker, delay=30, batch_size=2, seconds=30 + 30 + SECONDS_TO_END)
    assert done == Dispatched(4, "4", "no time was left for the rest of the batch", 2)
    assert invoker.keys == ["k0", "k1", "k2", "k3"]
    late = Lambda()
    assert run(records, late, delay=300, batch_size=2, seconds=1).retry_from == "2"
    assert late.happened == [300, ["k0", "k1"]]


@pytest.mark.parametrize(
    ("batch_size", "delay", "expected"),
    [
        *[(1, 0, 100), (30, 0, 90), (100, 0, 100), (101, 0, 101), (10_000, 0, 10_000)],
        *[(5, 10, 100), (5, 60, 25), (1, 299, 1), (10, 300, 10), (10_000, 300, 10_000)],
    ],
)
def test_a_dispatcher_is_given_whole_groups_and_only_as_many_as_it_can_wait_for(
    batch_size: int, delay: int, expected: int
) -> None:
    assert records_at_once(LaneConfig(batch_size, delay)) == expected
    groups = -(-expected // batch_size)
    assert groups * delay + SPARE <= DISPATCHER_SECONDS
    invoker = Lambda()
    records = [good(number) for number in range(min(expected, 500))]
    assert run(records, invoker, delay, batch_size, DISPATCHER_SECONDS).problem == ""


def test_a_batch_is_one_invocation_in_the_order_of_the_lane_after_the_delay() -> None:
    invoker = Lambda()
    assert run([good(1), good(2), good(3)], invoker, delay=7) == Dispatched(3, "", "", 1)
    assert invoker.happened == [7, ["k1", "k2", "k3"]]


def test_no_records_are_no_invocation_and_no_delay() -> None:
    invoker = Lambda()
    assert run([], invoker, delay=7) == Dispatched(0, "", "")
    assert invoker.happened == []


def test_a_batch_too_long_for_one_payload_becomes_several_after_one_delay() -> None:
    invoker = Lambda()
    records = [long(number) for number in range(20)]
    assert run(records, invoker, delay=3) == Dispatched(20, "", "", 3)
    assert [len(each) if isinstance(each, list) else each for each in invoker.happened] == [3, 8, 8, 4]
    assert [key.rstrip("k") for key in invoker.keys] == [str(number) for number in range(20)]
    assert all(size <= PAYLOAD_BYTES + 1 for size in invoker.payloads)


def test_an_event_too_long_for_any_payload_still_goes_alone() -> None:
    invoker = Lambda()
    huge = good(2, "k" * (PAYLOAD_BYTES + 1))
    assert run([good(1), huge, good(3)], invoker).events == 3
    assert [len(each) for each in invoker.happened if isinstance(each, list)] == [1, 1, 1]


def test_a_refusal_stops_and_names_the_first_record_that_was_not_given() -> None:
    invoker = Lambda(refuses_after=1)
    done = run([long(number) for number in range(20)], invoker, delay=1)
    assert done == Dispatched(8, "8", "main func: throttled", 1)
    assert len(invoker.keys) == 8


def test_a_refusal_of_the_first_invocation_is_a_retry_of_all() -> None:
    assert run([good(1), good(2)], Lambda(refuses_after=0)) == Dispatched(0, "1", "main func: throttled")


def test_a_bad_record_is_named_and_keeps_none_before_it() -> None:
    invoker = Lambda()
    done = run([good(1), good(2), bad(3), good(4)], invoker)
    assert done == Dispatched(2, "3", "record 3 is no JSON", 1)
    assert invoker.keys == ["k1", "k2"]


def test_a_bad_record_at_the_front_is_named_at_once() -> None:
    invoker = Lambda()
    assert run([bad(1), good(2)], invoker, delay=9) == Dispatched(0, "1", "record 1 is no JSON")
    assert invoker.happened == []


def test_a_refusal_before_a_bad_record_names_what_was_refused() -> None:
    assert run([good(1), bad(2)], Lambda(refuses_after=0)).retry_from == "1"


def test_a_bad_record_without_a_number_is_a_problem_nevertheless() -> None:
    done = run([good(1), bad("")], Lambda())
    assert (done.events, done.retry_from) == (1, "")
    assert done.problem
