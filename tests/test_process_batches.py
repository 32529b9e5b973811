"""Promises of `process` about handlers that take their events in batches, by `recv_batch`."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import Objects, object_event, processor_of
from processing import EVENT, WORDS, Make, counts, done, failed, lines, make, root
from slips.errors import UsageError
from slips.interface import Handler, check_handlers, load_handlers
from slips.model import MetaData
from slips.parsing.run import Ticker
from slips.pipeline.ended import Success
from slips.position import STEP, Cells, Step
from slips.testing import run

__all__ = ["make", "root"]

Events = list[tuple[MetaData, Any]]


class Batches(Handler):
    """Keeps the words of each batch; raises at the word `boom`."""

    batch_events = 3
    batches: list[list[str]]

    def setup(self, args: dict[str, Any]) -> None:
        type(self).batches = []
        self.batch_bytes = args.get("bytes", self.batch_bytes)

    def recv_batch(self, batch: Events) -> None:
        words = [event["word"] for _, event in batch]
        if "boom" in words:
            raise ValueError(f"cannot take {words}")
        self.batches.append(words)

    def result(self) -> Any:
        return [len(each) for each in self.batches]


# ---- size of a batch


def test_a_batch_has_at_most_batch_events_and_the_last_one_comes_before_result(make: Make) -> None:
    success = done(make(lines(*"abcdefg"), WORDS, Batches).process(EVENT))
    assert Batches.batches == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert success.outcome.results == {"Batches": [3, 3, 1]}
    assert counts(success.outcome) == (7, 7, 0, 0, 7)


def test_a_batch_has_at_most_batch_bytes_of_json_and_a_longer_event_is_alone(make: Make) -> None:
    body = lines("a" * 10, "b" * 10, "c" * 100, "d", "e")  # an event of n letters has n + 11 bytes as JSON
    done(make(body, WORDS, Batches, args={"bytes": 42}).process(EVENT))
    assert [[word[0] for word in batch] for batch in Batches.batches] == [["a", "b"], ["c"], ["d", "e"]]


def test_an_object_without_events_gives_no_batch(make: Make) -> None:
    assert done(make(lines("noise", "bad"), WORDS, Batches).process(EVENT)).outcome.results == {"Batches": []}


def test_each_event_comes_with_its_meta_and_both_are_the_handlers_own(make: Make) -> None:
    class Keeps(Handler):
        seen: Events = []  # noqa: RUF012

        def recv_batch(self, batch: Events) -> None:
            self.seen.extend(batch)
            batch.clear()

    done(make(lines("a", "b,c"), WORDS, Keeps).process(EVENT))
    assert [(meta.seq, meta.index, event["word"]) for meta, event in Keeps.seen] == [
        (1, 0, "a"),
        (2, 0, "b"),
        (2, 1, "c"),
    ]


def test_an_event_that_json_cannot_hold_is_measured_all_the_same(make: Make) -> None:
    class Spells(Batches):
        def recv_batch(self, batch: Events) -> None:
            self.batches.append([event["word"].encode("utf-8", "surrogateescape").hex() for _, event in batch])

    done(make(b"caf\xe9\n" * 3, WORDS, Spells, args={"bytes": 45}).process(EVENT))
    assert Spells.batches == [["636166e9"] * 2, ["636166e9"]]


@pytest.mark.slow
@given(st.lists(st.integers(1, 7) | st.sampled_from(["bad"]), max_size=30), st.integers(1, 5), st.integers(1, 60))
def test_batches_hold_every_event_once_in_order_within_their_bounds(
    records: list[int | str], most: int, size: int
) -> None:
    """Lines are arrays of so many records, or bad."""
    got: list[list[tuple[int, int]]] = []

    class Collects(Handler):
        batch_events, batch_bytes = most, size

        def recv_batch(self, batch: Events) -> None:
            got.append([(meta.seq, meta.index) for meta, _ in batch])
            assert len(batch) == 1 or sum(len(msgspec.json.encode(event)) for _, event in batch) <= size

    texts = [one if isinstance(one, str) else json.dumps([{"n": 0}] * one) for one in [1, *records, *[2] * 40]]
    ended = processor_of(Objects(a=lines(*texts)), Collects, format=["s3-lines", "json"]).process(object_event("a"))
    assert isinstance(ended, Success)
    good = [isinstance(n, int) for n in [1, *records, *[2] * 40] for _ in range(n if isinstance(n, int) else 1)]
    assert list(chain.from_iterable(got)) == [(seq, 0) for seq, is_good in enumerate(good, 1) if is_good]
    assert all(0 < len(each) <= most for each in got)


# ---- what counts as delivered


def test_an_exception_fails_the_object_and_names_the_first_and_the_last_record(make: Make) -> None:
    failure = failed(make(lines(*"abcd", "boom", *"fg"), WORDS, Batches).process(EVENT))
    assert (failure.stage, failure.error_type, failure.seq, failure.retryable) == ("handler", "ValueError", 4, True)
    assert (
        "a/b.log: records 4 to 6: Batches.recv_batch raised ValueError: cannot take ['d', 'boom', 'f']"
        in failure.message
    )
    assert "in recv_batch" in failure.traceback
    assert counts(failure.outcome) == (3, 3, 0, 0, 3)


def test_the_records_of_a_last_batch_that_raised_are_not_delivered(make: Make) -> None:
    failure = failed(make(lines(*"abc", "noise", "d", "boom"), WORDS, Batches).process(EVENT))
    assert "records 5 to 6: Batches.recv_batch raised" in failure.message
    assert counts(failure.outcome) == (4, 3, 1, 0, 3)


def test_a_batch_of_one_record_is_named_as_one(make: Make) -> None:
    failure = failed(make(lines(*"abc", "boom"), WORDS, Batches).process(EVENT))
    assert "a/b.log: record 4: Batches.recv_batch raised" in failure.message


def test_a_record_whose_events_are_in_two_batches_is_delivered_with_the_second(make: Make) -> None:
    failure = failed(make(lines("a", "b,c,d,boom", "e"), WORDS, Batches).process(EVENT))
    assert "records 2 to 3: Batches.recv_batch raised" in failure.message
    assert counts(failure.outcome) == (1, 1, 0, 0, 3)


def test_records_before_a_reader_error_are_delivered_first(make: Make) -> None:
    failure = failed(
        make(b'{"Records": [{"word": "a"}, {"word": "b"}', ["json-records:Records"], Batches).process(EVENT)
    )
    assert (failure.stage, Batches.batches) == ("reader", [["a", "b"]])
    assert counts(failure.outcome) == (2, 2, 0, 0, 2)


def test_a_batch_that_raises_comes_before_a_reader_error_behind_it(make: Make) -> None:
    body = b'{"Records": [{"word": "a"}, {"word": "boom"}'
    failure = failed(make(body, ["json-records:Records"], Batches).process(EVENT))
    assert (failure.stage, failure.error_type, failure.seq) == ("handler", "ValueError", 1)
    assert counts(failure.outcome) == (0, 0, 0, 0, 0)


def test_a_batch_that_returns_work_still_to_do_fails_its_object(make: Make) -> None:
    class Later(Batches):
        def recv_batch(self, batch: Events) -> Any:
            return (event for _, event in batch)

    failure = failed(make(lines("a", "b"), WORDS, Later).process(EVENT))
    assert "records 1 to 2: Later.recv_batch returned a generator" in failure.message
    assert "write 'def recv_batch(self, batch)'" in failure.message


def test_an_interrupt_in_a_batch_is_for_the_program(make: Make) -> None:
    class Stops(Batches):
        def recv_batch(self, batch: Events) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(lines(*"abc"), WORDS, Stops).process(EVENT)


class StopsAt(Ticker):
    """Stops the run behind a record."""

    def __init__(self, seq: int) -> None:
        self.due, self._seq = True, seq

    def tick(self, seq: int) -> bool:
        return seq >= self._seq


def test_a_batch_is_delivered_before_the_object_continues_elsewhere(make: Make) -> None:
    success = done(make(lines(*"abcdefg"), WORDS, Batches).process(EVENT, StopsAt(5)))
    assert Batches.batches == [["a", "b", "c"], ["d", "e"]]
    assert success.outcome.results == {"Batches": [3, 2]}
    assert success.rest is not None
    assert success.rest.records == [(6, None)]


# ---- several handlers of one mapping


class Singles(Handler):
    seen: list[str] = []  # noqa: RUF012

    def setup(self, args: dict[str, Any]) -> None:
        type(self).seen = []

    def recv(self, meta: MetaData, event: Any) -> None:
        self.seen.append(event["word"])
        event["word"] = "changed"


def test_of_several_handlers_each_takes_events_as_it_declares(make: Make) -> None:
    class Pairs(Batches):
        batch_events = 2

    success = done(make(lines(*"abcde"), WORDS, Singles, Batches, Pairs).process(EVENT))
    assert Singles.seen == list("abcde")
    assert Batches.batches == [["a", "b", "c"], ["d", "e"]]
    assert Pairs.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert success.outcome.results == {"Singles": None, "Batches": [3, 2], "Pairs": [2, 2, 1]}


def test_of_several_handlers_the_record_is_delivered_when_the_last_has_taken_it(make: Make) -> None:
    class Pairs(Batches):
        batch_events = 2

    failure = failed(make(lines(*"abc", "boom", "e"), WORDS, Singles, Batches, Pairs).process(EVENT))
    assert "records 3 to 4: Pairs.recv_batch raised" in failure.message
    assert counts(failure.outcome) == (2, 2, 0, 0, 2)


def test_a_handler_that_raises_at_a_record_leaves_undelivered_what_another_holds(make: Make) -> None:
    class Raises(Handler):
        def recv(self, meta: MetaData, event: Any) -> None:
            if meta.seq == 5:
                raise ValueError("fifth")

    for order in ((Batches, Raises), (Raises, Batches)):
        failure = failed(make(lines(*"abcdefg"), WORDS, *order).process(EVENT))
        assert "record 5: Raises.recv raised ValueError: fifth" in failure.message
        assert counts(failure.outcome) == (3, 3, 0, 0, 3)


# ---- position


def test_the_position_in_a_batch_names_its_records(make: Make) -> None:
    cells: Cells = [0] * 5
    seen: list[list[int]] = []

    class Looks(Batches):
        def recv_batch(self, batch: Events) -> None:
            seen.append(list(cast("list[int]", cells)))

    ticker = Ticker()
    ticker.position = cells
    done(make(lines(*"abcd"), WORDS, Looks).process(EVENT, ticker))
    assert [(each[STEP], each[3:]) for each in seen] == [(Step.BATCH, [1, 3]), (Step.BATCH, [4, 4])]
    assert cast("list[int]", cells)[STEP] == Step.RESULT


# ---- mistakes


def told(cls: type[Handler]) -> str:
    with pytest.raises(UsageError) as caught:
        check_handlers([cls])
    return str(caught.value)


def test_a_handler_with_recv_and_recv_batch_is_a_mistake() -> None:
    class Both(Batches):
        def recv(self, meta: MetaData, event: Any) -> None: ...

    assert "Both has 'recv' and 'recv_batch'; expected one of them" in told(Both)


@pytest.mark.parametrize(
    ("name", "value"), [("batch_events", 0), ("batch_events", "10"), ("batch_bytes", True), ("batch_bytes", 1.5)]
)
def test_a_bound_that_is_no_number_is_a_mistake(name: str, value: Any) -> None:
    odd = type("Odd", (Batches,), {name: value})
    assert f"Odd.{name} is {value!r}; expected a whole number, 1 or more" in told(odd)


def test_a_bound_that_setup_sets_wrong_fails_the_object(make: Make) -> None:
    failure = failed(make(lines("a"), WORDS, Batches, args={"bytes": "1MiB"}).process(EVENT))
    assert "Batches.batch_bytes is '1MiB'; expected a whole number, 1 or more" in failure.message
    assert failure.stage == "handler"


@pytest.mark.parametrize("name", ["recv_batches", "receive_batch", "recvBatch", "rcv_batch", "batch_recv"])
def test_a_name_that_is_nearly_recv_batch_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(
        f"import slips.interface\nclass H(slips.interface.Handler):\n    def {name}(self, batch): ...\n"
    )
    with pytest.raises(UsageError, match=f"H lacks recv; did you mean 'recv_batch' by '{name}'\\?"):
        load_handlers(tmp_path / "handler.py")


# ---- tests of users


def test_a_test_of_a_handler_gets_batches_as_in_a_run() -> None:
    seen = run(Batches, ["s3-lines", "json"], [{"word": word} for word in "abcd"])
    assert (seen.result, seen.delivered, len(seen.events)) == ([3, 1], 4, 4)
    with pytest.raises(ValueError, match="cannot take"):
        run(Batches, ["s3-lines", "json"], [{"word": "boom"}])
