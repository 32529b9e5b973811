"""The event that a handler failed on is kept with the error: as JSON, bounded, marked where it was cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import Objects, object_event, processor_of
from projects import Project
from slips.interface import Handler
from slips.model import ErrorItem, MetaData
from slips.pipeline.ended import Failure
from slips.pipeline.evidence import EVENT_BYTES, keep
from slips.pipeline.items import report_failure


class Hostile:
    def __repr__(self) -> str:
        raise SystemExit("mine")


def failure_of(body: bytes, *handlers: type[Handler]) -> Failure:
    ended = processor_of(Objects(a=body), *handlers, format=["s3-lines", "json"]).process(object_event("a"))
    assert isinstance(ended, Failure)
    return ended


# ---- what is kept


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
values = st.recursive(
    scalars | st.sets(st.integers()) | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=50,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(st.characters()), values))
def test_whatever_an_event_holds_is_kept_as_json(event: dict[Any, Any]) -> None:
    kept, _ = keep(event)
    encoded = msgspec.json.encode(kept)
    assert msgspec.json.decode(encoded) == kept
    assert len(encoded) <= EVENT_BYTES


def test_a_short_event_is_kept_as_it_is() -> None:
    event = {"a": [1, 2.5, None, True, {"b": "é"}]}
    assert keep(event) == (event, False)


@pytest.mark.parametrize(
    "large",
    [
        {"first": "x" * 10**6, "last": 1},
        {"first": list(range(10**5)), "last": 1},
        {"first": [[{"k" * 5000: "é" * 5000}] * 200] * 200, "last": 1},
        {"first": {str(number): {"n": number} for number in range(5000)}, "last": 1},
        {"first": "\udce9\0" * 10**5, "last": 1},
        {"first": 16**100_000, "last": 1},
    ],
)
def test_a_long_event_is_cut_within_so_that_its_keys_remain(large: dict[str, Any]) -> None:
    kept, cut = keep(large)
    assert (kept["last"], cut) == (1, True)
    text = json.dumps(kept, ensure_ascii=False)
    assert "…" in text
    assert 300 < len(msgspec.json.encode(kept)) <= EVENT_BYTES


def test_values_that_are_no_json_are_shown_in_full() -> None:
    event: dict[Any, Any] = {"set": {1}, "bytes": b"\xff", "surrogate": "caf\udce9", "object": object, 7: float("inf")}
    kept, cut = keep(event)
    assert not cut
    assert kept == {
        "set": [1],
        "bytes": "b'\\xff'",
        "surrogate": "caf\\udce9",
        "object": "<class 'object'>",
        "7": "inf",
    }


def test_an_event_within_itself_ends() -> None:
    event: dict[str, Any] = {"n": 1}
    event["self"] = event
    kept, cut = keep(event)
    assert (kept["n"], kept["self"]["self"]["n"], cut) == (1, 1, True)


def test_an_event_that_cannot_be_looked_at_says_so() -> None:
    assert keep({"bad": Hostile()}) == ({"…": "the event cannot be shown: SystemExit"}, True)


# ---- whose it is


def test_the_event_is_the_one_that_the_handler_had_when_it_raised() -> None:
    class Fails(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            event["changed"] = True
            if event["n"] == 2:
                raise ValueError

    failure = failure_of(b'{"n": 1}\n[{"n": 3}, {"n": 2}]\n{"n": 2}\n', Fails)
    assert (failure.seq, failure.handler_event) == (3, {"n": 2, "changed": True})
    assert not failure.handler_event_truncated


def test_of_several_handlers_it_is_the_event_of_the_one_that_raised() -> None:
    class Changes(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            event.clear()

    class Fails(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            event["mine"] = 1
            raise ValueError

    assert failure_of(b'{"n": 1}\n', Changes, Fails).handler_event == {"n": 1, "mine": 1}


def test_a_method_that_returns_a_coroutine_keeps_its_event_too() -> None:
    class Later(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> Any:
            async def later() -> None: ...

            return later()

    assert failure_of(b'{"n": 1}\n', Later).handler_event == {"n": 1}


@pytest.mark.parametrize("method", ["setup", "result"])
def test_outside_of_recv_there_is_no_event(method: str) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    fails = type("Fails", (Handler,), {"recv": lambda self, meta, event: None, method: fail})
    assert failure_of(b'{"n": 1}\n', fails).handler_event is None


def test_the_item_has_the_event_and_items_of_before_load_without() -> None:
    class Fails(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            raise ValueError

    item = report_failure(failure_of(b'{"n": 1}\n', Fails), "r1", 1, 0.0)
    stored = msgspec.json.encode(item)
    assert msgspec.json.decode(stored, type=ErrorItem).event == {"n": 1}
    old = {key: value for key, value in msgspec.json.decode(stored).items() if not key.startswith("event_")}
    del old["event"]
    assert msgspec.json.decode(msgspec.json.encode(old), type=ErrorItem).event is None


# ---- bytes that are not UTF-8


def test_a_surrogate_that_cannot_be_written_says_what_to_write() -> None:
    class Writes(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            event["name"].encode()

    failure = failure_of(b'{"name": "caf\xe9"}\n', Writes)
    assert "'\\udce9' stands for the byte '0xe9' of the log, which is not UTF-8;" in failure.message
    assert "write text.encode('utf-8', 'surrogateescape') for the bytes of the log" in failure.message
    assert failure.handler_event == {"name": "caf\\udce9"}


def test_another_text_that_cannot_be_written_is_no_such_case() -> None:
    class Writes(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            "é".encode("ascii")

    assert failure_of(b"{}\n", Writes).message.endswith("ordinal not in range(128)")


# ---- where people see it


@pytest.mark.slow
def test_the_commands_show_the_event(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.put("json/a", {"n": 1}, {"n": 6, "text": "é\u202e"})
    project.slips("run")
    (item,) = project.slips("errors", "--json").json
    assert (item["seq"], item["event"], item["event_truncated"]) == (2, {"n": 6, "text": "é\u202e"}, False)
    shown = 'Event:\n{\n    "n": 6,\n    "text": "é\\u202e"\n}\n'
    assert project.slips("error", item["request_id"]).out.endswith(shown)
    done = project.shell("test", "-r", item["request_id"])
    assert shown in done.err
    assert "Event:" not in done.out


def test_an_event_that_was_cut_is_shown_as_that(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.fail("r1", event={"a": "x…"}, event_truncated=True)
    project.fail("r2", kind="records")
    assert "Event (cut where … is):\n" in project.slips("error", "r1").out
    assert "Event" not in project.slips("error", "r2").out
    cut, without = project.slips("errors", "--json").json
    assert cut["event_truncated"]
    assert (without["event"], without["event_truncated"]) == (None, False)
