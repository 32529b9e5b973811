"""Objects are fetched before their turn, within bounds, and come to what they come to without that."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Queue
from typing import Any, BinaryIO, cast

import pytest

from fakes import Objects, object_event, processor_of
from invocations import Scene
from slips.backends.aws.ahead import BYTES, OBJECT_BYTES, OBJECTS, Ahead
from slips.errors import StorageError
from slips.interface import Handler
from slips.model import MetaData, ObjectEvent
from slips.ports import StoredObject

GUARD = 300.0
"""Seconds after which a test that waits fails."""


def coming(*keys: str, size: int = 10) -> list[ObjectEvent]:
    return [object_event(key, object_size=size) for key in keys]


class Gate:
    """Objects that open once the test lets them. Each holds its key, in as many bytes as were announced."""

    def __init__(self) -> None:
        self.begun: Queue[str] = Queue()
        self.let = threading.Event()
        self.opened: list[str] = []
        self.failing: set[str] = set()
        self.longer: set[str] = set()
        self.etag = "e1"

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        key = event.object_key
        self.opened.append(key)
        self.begun.put(key)
        assert self.let.wait(GUARD)
        if key in self.failing:
            raise StorageError(f"{event.url}: trouble")
        body = key.encode().ljust(event.object_size + (key in self.longer), b".")
        yield StoredObject(cast("BinaryIO", io.BytesIO(body)), self.etag, len(body), "v1")

    def all_begun(self, count: int) -> list[str]:
        return sorted(self.begun.get(timeout=GUARD) for _ in range(count))


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def fetching(gate: Gate) -> Iterator[Ahead]:
    made = Ahead(gate.open)
    yield made
    gate.let.set()
    made.expect(())
    for thread in threads():
        thread.join(GUARD)
        assert not thread.is_alive()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "slips-ahead"]


def taken(fetching: Ahead, key: str, size: int = 10) -> str | None:
    found = fetching.take(object_event(key, object_size=size))
    return None if found is None else found.body.read().decode().rstrip(".")


def test_expected_objects_are_read_at_the_same_time_before_the_first_is_taken(gate: Gate, fetching: Ahead) -> None:
    fetching.expect(coming("a", "b", "c"))
    assert gate.all_begun(3) == ["a", "b", "c"]
    gate.let.set()
    found = [fetching.take(event) for event in coming("a", "b", "c")]
    assert [(one.body.read(), one.etag, one.size, one.version_id) for one in found if one] == [
        (b"a.........", "e1", 10, "v1"),
        (b"b.........", "e1", 10, "v1"),
        (b"c.........", "e1", 10, "v1"),
    ]
    assert sorted(gate.opened) == ["a", "b", "c"]


def test_no_more_objects_are_fetched_than_the_bound_until_one_is_taken(gate: Gate, fetching: Ahead) -> None:
    keys = [f"{number:02}" for number in range(OBJECTS + 2)]
    fetching.expect(coming(*keys))
    assert gate.all_begun(OBJECTS) == keys[:OBJECTS]
    gate.let.set()
    assert gate.begun.empty()
    assert taken(fetching, "00") == "00"
    assert gate.all_begun(1) == [keys[OBJECTS]]


def test_no_more_bytes_are_fetched_than_the_bound_until_some_are_taken(gate: Gate, fetching: Ahead) -> None:
    keys = [str(number) for number in range(BYTES // OBJECT_BYTES + 1)]
    fetching.expect(coming(*keys, size=OBJECT_BYTES))
    gate.let.set()
    assert gate.all_begun(len(keys) - 1) == keys[:-1]
    assert gate.begun.empty()
    assert taken(fetching, "0", OBJECT_BYTES) == "0"
    assert gate.all_begun(1) == keys[-1:]


@pytest.mark.parametrize("size", [0, OBJECT_BYTES + 1])
def test_a_larger_object_or_one_of_unknown_size_is_opened_in_its_turn_alone(
    gate: Gate, fetching: Ahead, size: int
) -> None:
    fetching.expect([*coming("a", size=size), *coming("b")])
    gate.let.set()
    assert taken(fetching, "a", size) is None
    assert taken(fetching, "b") == "b"
    assert gate.opened == ["b"]


def test_an_object_that_is_larger_than_announced_is_not_kept(gate: Gate, fetching: Ahead) -> None:
    gate.longer = {"a"}
    gate.let.set()
    fetching.expect(coming("a", "b"))
    assert [taken(fetching, "a"), taken(fetching, "b")] == [None, "b"]


def test_an_object_that_cannot_be_fetched_is_opened_in_its_turn(gate: Gate, fetching: Ahead) -> None:
    gate.failing = {"a"}
    gate.let.set()
    fetching.expect(coming("a", "b"))
    assert [taken(fetching, "a"), taken(fetching, "b")] == [None, "b"]


def test_objects_before_the_one_that_is_taken_are_dropped_and_others_fetched(gate: Gate, fetching: Ahead) -> None:
    keys = [f"{number:02}" for number in range(2 * OBJECTS)]
    gate.let.set()
    fetching.expect(coming(*keys))
    assert gate.all_begun(OBJECTS) == keys[:OBJECTS]  # one that is dropped before it begins is never opened
    assert taken(fetching, keys[OBJECTS - 1]) == keys[OBJECTS - 1]
    assert gate.all_begun(OBJECTS) == keys[OBJECTS:]
    assert taken(fetching, keys[0]) is None


def test_an_object_far_behind_is_opened_at_once_and_those_behind_it_are_fetched(gate: Gate, fetching: Ahead) -> None:
    keys = [f"{number:02}" for number in range(2 * OBJECTS)]
    gate.let.set()
    fetching.expect(coming(*keys))
    assert taken(fetching, keys[-2]) is None
    assert taken(fetching, keys[-1]) == keys[-1]


def test_an_object_that_is_expected_twice_is_fetched_once(gate: Gate, fetching: Ahead) -> None:
    gate.let.set()
    fetching.expect(coming("a", "a", "b"))
    assert [taken(fetching, "a"), taken(fetching, "a"), taken(fetching, "b")] == ["a", None, "b"]


def test_an_object_that_was_overwritten_since_it_was_fetched_is_opened_in_its_turn(gate: Gate, fetching: Ahead) -> None:
    gate.let.set()
    fetching.expect(coming("a", "b"))
    gate.all_begun(2)
    gate.etag = "e2"
    overwritten = object_event("a", object_size=10, object_etag="e2")
    fetching.expect([overwritten, *coming("b")])
    assert fetching.take(overwritten) is None
    assert taken(fetching, "b") == "b"


def test_an_object_that_is_announced_without_its_content_is_opened_in_its_turn(gate: Gate, fetching: Ahead) -> None:
    gate.let.set()
    fetching.expect([object_event("a", object_size=10, object_etag=""), *coming("b")])
    assert fetching.take(object_event("a", object_size=10, object_etag="")) is None
    assert taken(fetching, "b") == "b"
    assert gate.opened == ["b"]


def test_an_object_that_nobody_expects_is_opened_at_once_and_disturbs_nothing(gate: Gate, fetching: Ahead) -> None:
    gate.let.set()
    fetching.expect(coming("a"))
    assert [taken(fetching, "x"), taken(fetching, "a")] == [None, "a"]


def test_another_expectation_keeps_what_both_expect_and_drops_the_rest(gate: Gate, fetching: Ahead) -> None:
    fetching.expect(coming("a", "b"))
    gate.all_begun(2)
    fetching.expect(coming("c", "b"))
    gate.let.set()
    assert [taken(fetching, key) for key in "acb"] == [None, "c", "b"]
    assert sorted(gate.opened) == ["a", "b", "c"]


def test_threads_end_with_the_last_expectation_though_fetches_are_under_way(gate: Gate, fetching: Ahead) -> None:
    fetching.expect(coming("a", "b"))
    gate.all_begun(2)
    assert len(threads()) == 2
    fetching.expect(())
    gate.let.set()
    for thread in threads():
        thread.join(GUARD)
    assert threads() == []
    assert taken(fetching, "a") is None


def test_objects_are_opened_in_their_turn_where_no_thread_can_be_started(
    gate: Gate, fetching: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    fetching.expect(coming("a"))
    assert taken(fetching, "a") is None


# ---- what an invocation expects


class Dying(Handler):
    """A handler that ends the invocation with an object `b`."""

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        if meta.source.object_key == "b":
            raise KeyboardInterrupt


@pytest.mark.parametrize("keys", ["ca", "cab"])
def test_an_invocation_expects_the_objects_of_its_events_in_order_and_none_in_the_end_even_if_it_dies(
    keys: str,
) -> None:
    scene = Scene()
    scene.processor = processor_of(scene.store, Dying)
    with suppress(KeyboardInterrupt):
        scene.run(*coming(*keys))
    assert scene.store.expected == [[*keys], []]


def test_objects_that_will_not_be_opened_under_their_keys_are_not_expected() -> None:
    store = Objects()
    processor = processor_of(store, Dying)
    mapped, unmapped = object_event("a"), object_event("a", bucket_name="other")
    marker, quoted = object_event("folder/"), object_event("b", quoted=True)
    with processor.expecting([unmapped, marker, mapped, quoted]):
        assert store.expected == [["a"]]


def test_chains_that_open_no_object_expect_none_once_they_are_known() -> None:
    store = Objects()
    processor = processor_of(store, Dying, format=["ignore"])
    processor.process(object_event("a"))
    with processor.expecting(coming("a", "b")):
        assert store.expected == [[]]
