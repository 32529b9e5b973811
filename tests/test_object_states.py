"""Promises of the counts in `status`: an object counts once, by its latest outcome, and the error table agrees."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import config_of, object_event
from places import Machine, Place, Stack, fresh_sink, machine, stack
from slips.backends.machine.operations import MachineOperations
from slips.config import HandlerConfig
from slips.errors import StateError
from slips.object_states import Entry, ObjectCounter, ObjectCounts, is_of_object, state_of, stops

__all__ = ["fresh_sink"]

GOOD, BAD = b'{"n": 1}\n{"n": 2}\n', b'{"n": 1}\nno JSON\n'
CONTENTS = {"good": GOOD, "bad": BAD, "broken": gzip.compress(GOOD)[:-4]}


def counts_of(place: Place) -> ObjectCounts:
    """The counts that `status` shows."""
    if isinstance(place, Machine):
        status = MachineOperations(place.config, place.state).status(count_ledger=True)
        assert status.ledger is not None
        return ObjectCounts(status.ledger, status.failed_objects, status.quarantined_objects)
    assert isinstance(place, Stack)
    counter = ObjectCounter()
    counter.add_entries(place.ledger.entries())
    assert list(counter.add_items(place.errors.scan())) == list(place.errors.scan())
    return counter.counts()


def counted_slowly(place: Place) -> ObjectCounts:
    """The same counts, of all that there is about each object, one object after another."""
    entries = [
        (each.updated_at, number, Entry(each.bucket, each.key, each.records, each.status, each.updated_at))
        for number, each in enumerate(place.ledger.scan())
    ]
    events = [event for item in place.errors.scan() for event in item.events]
    waiting = {key for _, key in place.state.stream.objects()} if isinstance(place, Machine) else set()
    states: Counter[str] = Counter()
    failed, quarantined = set(), set()
    for key in {entry.key for *_, entry in entries} | {event.object_key for event in events} | waiting:
        own = sorted(each for each in entries if each[-1].key == key and is_of_object(each[-1]))
        items = [event for event in events if event.object_key == key]
        is_stopped, is_quarantined = any(map(stops, items)), not all(map(stops, items))
        latest = own[-1][-1].status if own else None
        state = state_of(latest, is_stopped=is_stopped, is_quarantined=is_quarantined, is_on_lane=key in waiting)
        states.update([state] if state else [])
        if is_stopped:
            failed.add(key)
        elif is_quarantined:
            quarantined.add(key)
    return ObjectCounts(dict(sorted(states.items())), len(failed), len(quarantined))  # type: ignore[arg-type]


class History:
    """Objects that are put, run, drained and dismissed, and what must be counted after each step."""

    def __init__(self, place: Place) -> None:
        self.place, self.etags = place, 0
        self.put_keys: set[str] = set()
        self.run_keys: set[str] = set()
        self.contents: dict[str, str] = {}
        place.format = ["s3-lines", "json"]

    def put(self, key: str, content: str) -> None:
        self.change(key, content)
        self.place.put(object_event(key, object_etag=self.place.objects.etags[key]))
        self.put_keys.add(key)

    def change(self, key: str, content: str) -> None:
        """Overwrites an object that no event announces."""
        self.etags += 1
        self.place.objects.etags[key], self.place.objects.objects[key] = f"e{self.etags}", CONTENTS[content]
        self.contents[key] = content

    def run(self) -> None:
        self.place.run()
        self.run_keys |= self.put_keys

    def drain(self, number: int | None = None) -> None:
        items = list(self.place.errors.scan())
        self.place.drain_items(items if number is None else items[number % len(items) :][:1] if items else [])

    def dismiss(self, number: int) -> None:
        if items := list(self.place.errors.scan()):
            self.place.dismiss(items[number % len(items)])

    def check(self) -> None:
        counts = counts_of(self.place)
        assert counts == counted_slowly(self.place)
        events = [event for item in self.place.errors.scan() for event in item.events]
        stopped = {event.object_key for event in events if stops(event)}
        assert counts.failed == counts.states.get("failed", 0) == len(stopped)
        assert counts.quarantined == len({event.object_key for event in events} - stopped)
        known = self.put_keys if isinstance(self.place, Machine) else self.run_keys
        assert sum(counts.states.values()) == len(known)

    def end(self) -> None:
        """Mends all contents, drains and runs until nothing is left."""
        for key in self.run_keys | self.put_keys:
            self.put(key, "good")
        self.run()
        self.drain()
        self.run()
        for item in list(self.place.errors.scan()):  # records of contents that were overwritten
            self.place.dismiss(item)
        assert counts_of(self.place) == ObjectCounts({"done": len(self.put_keys)} if self.put_keys else {}, 0, 0)


STEPS: list[st.SearchStrategy[Callable[[History], None]]] = [
    st.builds(
        lambda key, content: lambda history: history.put(key, content),
        st.sampled_from("abc"),
        st.sampled_from(sorted(CONTENTS)),
    ),
    st.builds(
        lambda key, content: lambda history: history.change(key, content) if key in history.put_keys else None,
        st.sampled_from("abc"),
        st.sampled_from(sorted(CONTENTS)),
    ),
    st.just(History.run),
    st.builds(lambda number: lambda history: history.drain(number), st.none() | st.integers(0, 5)),
    st.builds(lambda number: lambda history: history.dismiss(number), st.integers(0, 5)),
]
HISTORIES = st.lists(st.one_of(STEPS), max_size=14)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES)
def test_the_counts_agree_with_the_error_table_after_any_history_on_one_machine(
    steps: list[Callable[[History], None]],
) -> None:
    with TemporaryDirectory() as directory:
        (Path(directory) / "handler.py").write_text("")
        config = config_of(handler=HandlerConfig(path=f"{directory}/handler.py"))
        with machine(config, Path(directory)) as place:
            goes(place, steps)


@pytest.mark.slow
@pytest.mark.once
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES)
def test_the_counts_agree_with_the_error_table_after_any_history_on_a_stack(
    steps: list[Callable[[History], None]],
) -> None:
    with stack(config_of()) as place:
        goes(place, steps)


def goes(place: Place, steps: list[Callable[[History], None]]) -> None:
    history = History(place)
    for step in steps:
        step(history)
        history.check()
    history.end()


def test_a_temporary_file_that_cannot_grow_is_an_error_that_says_so() -> None:
    counter = ObjectCounter()
    counter._database.execute("PRAGMA max_page_count = 3")
    entries = (Entry("my-logs", str(number), None, "done", 0.0) for number in range(1_000))
    with pytest.raises(StateError, match="objects cannot be counted: database or disk is full; expected free space"):
        counter.add_entries(entries)


def test_each_thousand_entries_are_progress() -> None:
    progress: list[int] = []
    ObjectCounter().add_entries([Entry("my-logs", "a", None, "done", 0.0)] * 2_500, progress.append)
    assert progress == [1_000, 1_000]
