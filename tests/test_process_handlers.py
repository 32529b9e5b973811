"""Promises of `process` about handlers that raise."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from processing import EVENT, WORDS, Make, Mute, Recorder, counts, done, failed, lines, make, root, travelled
from slips.config.schema import Limits
from slips.errors import StorageError
from slips.interface import Handler
from slips.model import MetaData, bounded
from slips.pipeline.items import report_failure, report_quarantine
from slips.pipeline.result import plain_result

__all__ = ["make", "root"]


def raises_in(place: str, error: BaseException) -> type[Handler]:
    class Bad(Recorder):
        def __init__(self) -> None:
            self.at("__init__")
            super().__init__()

        def setup(self, args: dict[str, Any]) -> None:
            self.at("setup")

        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            if meta.seq == 3:
                self.at("recv")

        def result(self) -> Any:
            self.at("result")

        def at(self, method: str) -> None:
            if method == place:
                raise error

    return Bad


ERRORS = [
    KeyError("boom"),
    SystemExit(3),
    SystemExit(),
    MemoryError(),
    RecursionError("deep"),
    GeneratorExit(),
    StopIteration(),
    OSError(5, "Input/output error"),
    StorageError("not of slips"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\udcff"),
    Mute(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["__init__", "setup", "recv", "result"])
def test_whatever_a_handler_raises_fails_its_object_and_names_the_place(
    make: Make, place: str, error: BaseException
) -> None:
    failure = failed(make(lines("a", "b", "c", "d"), ["s3-lines"], raises_in(place, error)).process(EVENT))
    assert (failure.stage, failure.error_type, failure.retryable) == ("handler", type(error).__name__, True)
    assert f"Bad.{place} raised {type(error).__name__}" in failure.message
    assert f"in {place}" in failure.traceback
    assert Path(__file__).name in failure.traceback
    assert counts(failure.outcome)[:2] == {"__init__": (0, 0), "setup": (0, 0), "recv": (2, 2), "result": (4, 4)}[place]


def test_the_record_at_which_a_handler_raised_is_named_and_outside_records(make: Make) -> None:
    processor = make(lines("a", "b", "c", "d"), ["s3-lines"], raises_in("recv", ValueError("boom")))
    failure = failed(processor.process(EVENT))
    assert failure.seq == 3
    assert "record 3: Bad.recv raised ValueError: boom" in failure.message
    assert counts(failure.outcome) == (2, 2, 0, 0, 2)


def test_a_record_of_several_events_is_outside_records_if_the_handler_raises_at_any_of_them(make: Make) -> None:
    class Bad(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            if meta.index == 2:
                raise ValueError("third")

    failure = failed(make(lines("one", "a,b,c,d"), WORDS, Bad).process(EVENT))
    assert (failure.seq, counts(failure.outcome)) == (2, (1, 1, 0, 0, 3))


@pytest.mark.parametrize("character", ["x", "\x00", '"', "漢", "\udcff"])
def test_a_giant_exception_makes_no_giant_item(make: Make, character: str) -> None:
    handler = raises_in("recv", ValueError(character * 10**6))
    failure = failed(make(lines("a", "b", "c"), ["s3-lines"], handler).process(EVENT))
    assert len(msgspec.json.encode(report_failure(failure, "r1", 1, 0.0))) < 25_000
    assert "record 3: Bad.recv raised ValueError: " in failure.message
    assert "in recv" in failure.traceback


@pytest.mark.parametrize("character", ["x", "\x00", "\udcff"])
def test_a_giant_reason_makes_no_giant_item(make: Make, character: str, root: Path) -> None:
    (root / "giant.py").write_text(
        "from slips.format import parser\n"
        "@parser('giant', summary='', reference='', takes='text')\n"
        "def giant(meta, text):\n    raise ValueError(chr(int(text)) * 10**6)\n"
    )
    body = lines(*[str(ord(character))] * 5)
    (item,) = report_quarantine(done(make(body, ["s3-lines", "giant.py:giant"]).process(EVENT)), "r1", 1, 0.0)
    assert len(msgspec.json.encode(item)) < 40_000
    assert "in giant" in item.traceback
    assert len(item.samples) == 5


def test_an_interrupt_is_for_the_program_not_for_the_object(make: Make) -> None:
    processor = make(lines("a", "b", "c"), ["s3-lines"], raises_in("recv", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        processor.process(EVENT)


class Odd:
    def __repr__(self) -> str:
        return "<odd \udcff>"


LOOP: list[Any] = []


LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"n": [1, 2.5, None, "é\u2028"]}, {"n": [1, 2.5, None, "é\u2028"]}),
        ({3}, [3]),
        ((1, 2), [1, 2]),
        (b"\x00\xff", "AP8="),
        ({1: "one"}, {"1": "one"}),
        (float("nan"), None),
        ("\udcff", "'\\udcff'"),
        (Odd(), "<odd \\udcff>"),
        (LOOP, "[[...]]"),
        (10**400, 10**400),
    ],
    ids=["json", "set", "tuple", "bytes", "int keys", "nan", "surrogate", "object", "loop", "huge int"],
)
def test_whatever_a_result_is_it_becomes_json(make: Make, value: Any, expected: Any) -> None:
    class Returns(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None: ...

        def result(self) -> Any:
            return value

    success = done(make(b"", ["s3-lines"], Returns).process(EVENT))
    assert success.outcome.results == {"Returns": expected}
    assert travelled(success) == success


@dataclass
class Found:
    names: list[str]


@pytest.mark.parametrize(
    ("value", "beginning"),
    [
        ("é" * 10_000, "é" * 100),
        (["x" * 30] * 10_000, '["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xxx'),
        ({number: {"n": [None]} for number in range(10_000)}, '{"0": {"n": [null]}, "1"'),
        ([[]] * 10_000, "[[], [], "),
        ("\0" * 500, "\0" * 100),
        (Found(["a"] * 10_000), '"(Found)"'),
        ({"a": {1, 2}, "b": "x" * 10_000}, '{"a": "(set)", "b": "xxx'),
        (set(range(10_000)), '"(set)"'),
        (b"x" * 1_000, '"eHh4eHh4eHh4'),
        ({"a": object(), "b": {2: "x" * 900}}, "{'a': <object object at "),
    ],
    ids=["text", "list", "dict", "empty lists", "escapes", "dataclass", "set inside", "set", "bytes", "repr"],
)
def test_a_result_over_the_limit_is_cut_and_marked_and_the_object_is_done(
    make: Make, value: Any, beginning: str
) -> None:
    class Returns(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None: ...

        def result(self) -> Any:
            return value

    success = done(make(b"", ["s3-lines"], Returns, limits=Limits(result_bytes=1_000)).process(EVENT))
    found = success.outcome.results["Returns"]
    assert (found["truncated"], found["limit"], set(found)) == (True, 1_000, {"truncated", "limit", "beginning"})
    assert found["beginning"].startswith(beginning)
    assert len(msgspec.json.encode(found)) <= 1_000
    assert travelled(success) == success


@pytest.mark.parametrize("value", ["x" * 998, ["x" * 96] * 10, "é" * 499, {"n": list(range(200))}])
def test_a_result_within_the_limit_is_whole(make: Make, value: Any) -> None:
    assert plain_result(value, 1_000) == value


class Plain:
    def __repr__(self) -> str:
        return "Plain()"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": {1}, "b": frozenset({"x"})}, {"a": [1], "b": ["x"]}),
        ({"a": b"xy", "day": date(2026, 11, 30)}, {"a": "eHk=", "day": "2026-11-30"}),
        ({"a": 1, "b": Plain()}, "{'a': 1, 'b': Plain()}"),
        ({("a", "b"): 1}, "{('a', 'b'): 1}"),
    ],
)
def test_a_result_of_what_json_has_not_is_kept_as_the_docs_say(value: Any, kept: Any) -> None:
    assert plain_result(value, 1_000) == kept


@pytest.mark.parametrize("limit", [1, 2, 99, 100, 101, 102, 103, 110])
@pytest.mark.parametrize("value", ["x" * 500, list(range(200)), {"a": "\x1b" * 300}], ids=["text", "list", "escapes"])
def test_a_result_is_cut_however_little_is_allowed(value: Any, limit: int) -> None:
    found = plain_result(value, limit)
    assert (found["truncated"], found["limit"]) == (True, limit)
    assert len(json.dumps(found["beginning"])) <= max(2, limit)


@pytest.mark.parametrize("end", [False, True])
def test_a_text_is_bounded_to_any_size(end: bool) -> None:
    for size in range(20):
        for text in ("", "x", "\x1b", "abcdefghij", "\x1b" * 10, "\ud800é"):
            kept = bounded(text, size, end)
            assert len(json.dumps(kept, ensure_ascii=False).encode()) <= max(2, size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "times"), [("x", 50_000_000), (["x" * 1_000], 500_000), ([[]], 5_000_000), (b"x", 50_000_000)]
)
def test_cutting_a_giant_result_takes_no_memory_like_it(part: Any, times: int) -> None:
    value = part * times  # made here: a parameter would stay in the memory of all workers until their end
    tracemalloc.start()
    try:
        assert plain_result(value, 2**18)["truncated"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_result_that_cannot_be_shown_at_all_fails_nothing(make: Make) -> None:
    class Returns(Handler):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None: ...

        def result(self) -> Any:
            return Mysterious()

    class Mysterious:
        def __repr__(self) -> str:
            raise ValueError("no repr")

    success = done(make(b"", ["s3-lines"], Returns).process(EVENT))
    assert success.outcome.results == {"Returns": "(Mysterious that cannot be shown: ValueError)"}
