"""Promises of one run of one object: bytes in memory, to what handlers saw, what was counted and what is kept."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes import FakeSite
from slips.chain import compile_chain
from slips.config import Config, HandlerConfig, Limits, Mapping
from slips.errors import RecordError, StorageError, UsageError
from slips.format import RecordLimits, TooLong
from slips.interface import Handler, load_handlers
from slips.loop import SKIP_RULE, Chain, Ticker, select
from slips.model import MetaData, ObjectEvent, Outcome, Range, bounded
from slips.pipeline.ended import Failure, Success
from slips.pipeline.items import report_failure, report_quarantine
from slips.pipeline.process import Processor
from slips.pipeline.quarantine import RANGES, SAMPLES_BYTES, Quarantine
from slips.pipeline.result import plain_result
from slips.ports import StoredObject
from slips.service.messages import Frames, FromWorker, frame

FORMATS = '''
import sys

from slips.errors import RecordError, ReaderError
from slips.format import Bad, Rule, TooLong, parser, reader

NOISE = Rule("noise", "lines that say noise")


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


@parser("words", summary="", reference="", takes="text", rules=(NOISE,))
def words(meta, text):
    """`bad…` is a bad record, `noise…` is filtered, n words with commas between are n events."""
    meta.tag = "words"
    if text.startswith("bad"):
        raise RecordError(f"it is {text[:20]!r}")
    if text.startswith("noise"):
        return NOISE
    events = [{"word": word} for word in text.split(",")]
    return events if len(events) > 1 else events[0]


@parser("odd", summary="", reference="", takes="text")
def odd(meta, text):
    """What a parser should not do, by name."""
    match text:
        case "exit":
            sys.exit("enough")
        case "mute":
            raise Mute
        case "recursion":
            return odd.parse(meta, text)
        case "none":
            return None
        case "empty":
            return []
        case "mixed":
            return [{}, 1]
        case "time":
            meta.timestamp = "2018-01-01"
        case "times":
            meta.timestamp = None
            return [{}, {}]
        case "decimal":
            from decimal import Decimal

            meta.timestamp = Decimal("1.5")
        case "dictlike":
            from collections import OrderedDict

            return OrderedDict(text=text)
    return {"text": text}


@parser("thirds", summary="", reference="", rules=(NOISE,))
def thirds(meta, event):
    """One of three numbers."""
    meta.timestamp = event["n"]
    if event["n"] == 100:
        raise RecordError("it is 100")
    return NOISE if event["n"] % 3 else event


@parser("nothing", summary="", reference="", rules=(NOISE,))
def nothing(meta, event):
    return NOISE


calls = []


@parser("fickle", summary="", reference="")
def fickle(meta, event):
    calls.append(event)
    if len(calls) > 150:
        raise RecordError("again?")
    return event


@reader("blocks", summary="", reference="")
def blocks(stream, record_bytes, parameter):
    """Pieces of three bytes; `!` is a record that cannot be given, `?` cannot be cut, `#` is a bug."""
    while piece := stream.read(3):
        if b"!" in piece:
            yield Bad(3, piece, "a piece with !")
        elif b"?" in piece:
            raise ReaderError("a piece with ?")
        elif b"#" in piece:
            raise KeyError("a bug")
        else:
            yield piece
'''
WORDS, ODD, BLOCKS = (["s3-lines", "formats.py:words"], ["s3-lines", "formats.py:odd"], ["formats.py:blocks"])
EVENT = ObjectEvent(
    bucket_name="my-logs", object_key="a/b.log", event_time="2018-03-29T16:35:15.768Z", object_etag="announced"
)


class MemoryStore:
    """An ObjectStore of bytes. `reads` counts the bytes taken; an object may be an exception, raised by `open`."""

    def __init__(self, **objects: bytes | Exception) -> None:
        self.objects: dict[str, bytes | Exception] = dict(objects)
        self.version: str | None = None
        self.opened = 0

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        self.opened += 1
        body = self.objects.get(event.object_key, StorageError(f"{event.url}: no such object"))
        if isinstance(body, Exception):
            raise body
        etag = f"{len(body)}-{hash(body):x}"
        yield StoredObject(cast("BinaryIO", io.BytesIO(body)), etag, len(body), 0.0, self.version)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return (ObjectEvent(bucket_name=bucket, object_key=key) for key in keys)


class Recorder(Handler):
    """Keeps what happens to its instances, of the test at hand."""

    runs: list[Recorder]

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.args: Any = None
        self.events: list[dict[str, Any]] = []
        self.metas: list[MetaData] = []
        type(self).runs.append(self)

    def setup(self, args: dict[str, Any]) -> None:
        self.calls.append("setup")
        self.args = args

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.calls.append("recv")
        self.events.append(event)
        self.metas.append(meta)

    def result(self) -> Any:
        self.calls.append("result")
        return len(self.events)


@pytest.fixture(autouse=True)
def _fresh_recorder() -> None:
    Recorder.runs = []


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with user formats; one for all tests, as Python imports a file once."""
    root = tmp_path_factory.mktemp("project")
    (root / "formats.py").write_text(FORMATS)
    return root


Make = Callable[..., Processor]


@pytest.fixture
def make(root: Path) -> Make:
    """A Processor over one object, `EVENT`'s."""

    def make(
        body: bytes | Exception = b"",
        format: Sequence[str] = ("s3-lines",),
        *handlers: type[Handler],
        on_error: Literal["quarantine", "skip", "fail"] = "quarantine",
        limits: Limits = Limits(),  # noqa: B008 - frozen
        args: dict[str, Any] | None = None,
        store: MemoryStore | None = None,
    ) -> Processor:
        config = Config(
            stack_name="test",
            handler=HandlerConfig(path="handler.py", args=args or {}),
            bucket_mapping={"my-logs": [Mapping("a/", list(format), on_error)]},
            limits=limits,
            file=str(root / "slips.yml"),
        )
        store = store or MemoryStore(**{EVENT.object_key: body})
        return Processor(FakeSite(config=config, store=store, handlers=handlers or (Recorder,)))

    return make


def done(result: Success | Failure) -> Success:
    assert isinstance(result, Success), result
    assert result.outcome.balanced
    return result


def travelled(result: Success | Failure) -> FromWorker:
    """What the supervisor gets when a worker says so."""
    (message,) = Frames().feed(frame(result))
    return message


def failed(result: Success | Failure) -> Failure:
    """Whatever ended it, the counters of the records before agree, and others can be told."""
    assert isinstance(result, Failure), result
    assert result.outcome.balanced
    assert travelled(result) == result
    return result


def counts(outcome: Outcome) -> tuple[int, int, int, int, int]:
    return outcome.records, outcome.delivered, outcome.filtered, outcome.quarantined, outcome.events


def ranges(success: Success) -> list[Range]:
    return [each for part in success.quarantine for each in part.ranges]


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


# ---- one object is one run (promise 2)


def test_setup_comes_first_then_every_record_in_order_then_result(make: Make) -> None:
    success = done(make(lines("a", "b", "c"), args={"key": "value"}).process(EVENT))
    (handler,) = Recorder.runs
    assert handler.calls == ["setup", "recv", "recv", "recv", "result"]
    assert handler.args == {"key": "value"}
    assert [event["message"] for event in handler.events] == ["a", "b", "c"]
    assert [meta.seq for meta in handler.metas] == [1, 2, 3]
    assert success.outcome.results == {"Recorder": 3}


def test_each_object_gets_a_fresh_handler(make: Make) -> None:
    processor = make(lines("a"))
    done(processor.process(EVENT))
    done(processor.process(EVENT))
    assert [one.calls for one in Recorder.runs] == [["setup", "recv", "result"]] * 2


def test_an_empty_object_is_a_run_without_records(make: Make) -> None:
    success = done(make(b"").process(EVENT))
    assert Recorder.runs[0].calls == ["setup", "result"]
    assert counts(success.outcome) == (0, 0, 0, 0, 0)


def test_what_a_handler_does_to_its_args_is_not_seen_by_the_next(make: Make) -> None:
    class Greedy(Handler):
        seen: list[Any] = []  # noqa: RUF012

        def setup(self, args: dict[str, Any]) -> None:
            self.seen.append(json.dumps(args))
            args["list"].append("mine")

        def recv(self, meta: MetaData, event: dict[str, Any]) -> None: ...

    class Also(Greedy): ...

    processor = make(b"", ["s3-lines"], Greedy, Also, args={"list": []})
    done(processor.process(EVENT))
    done(processor.process(EVENT))
    assert Greedy.seen == ['{"list": []}'] * 4


def test_each_of_several_handlers_may_change_its_own_event_and_meta(make: Make) -> None:
    class Vandal(Recorder):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            super().recv(meta, event)
            meta.tag, meta.timestamp, meta.message = "broken", -1.0, None
            event["nested"]["list"].append("vandal")
            event["mine"] = True

    class Witness(Recorder): ...

    body = lines('{"nested": {"list": [1]}}', '[{"nested": {"list": [2]}}, {"nested": {"list": [3]}}]')
    success = done(make(body, ["s3-lines", "json"], Vandal, Witness, Vandal).process(EVENT))
    witness = next(one for one in Recorder.runs if isinstance(one, Witness))
    assert witness.events == [{"nested": {"list": [n]}} for n in (1, 2, 3)]
    assert all(meta.tag != "broken" and meta.timestamp == EVENT.timestamp for meta in witness.metas)
    assert [(meta.seq, meta.index) for meta in witness.metas] == [(1, 0), (2, 0), (2, 1)]
    assert Recorder.runs[2].events[0]["nested"]["list"] == [1, "vandal"]
    assert success.outcome.results == {"Vandal": 3, "Witness": 3}


def test_a_handler_may_keep_what_it_was_given(make: Make) -> None:
    done(make(lines('{"n": 1}', '{"n": 2}'), ["s3-lines", "json"]).process(EVENT))
    (handler,) = Recorder.runs
    assert [event["n"] for event in handler.events] == [1, 2]
    assert [meta.seq for meta in handler.metas] == [1, 2]


def test_the_first_exception_ends_the_object_for_all_and_names_the_handler(make: Make) -> None:
    class Bomb(Recorder):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            super().recv(meta, event)
            if meta.seq == 2:
                raise ValueError("boom")

    class Before(Recorder): ...

    class After(Recorder): ...

    failure = failed(make(lines("a", "b", "c"), ["s3-lines"], Before, Bomb, After).process(EVENT))
    assert [len(one.events) for one in Recorder.runs] == [2, 2, 1]
    assert all("result" not in one.calls for one in Recorder.runs)
    assert failure.message == "s3://my-logs/a/b.log: record 2: Bomb.recv raised ValueError: boom"
    assert failure.outcome.results == {}


# ---- the handlers of a file


def handlers_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / f"handler_{os.urandom(4).hex()}.py"
    path.write_text(f"import slips.interface\nfrom slips.interface import Handler\n{text}")
    return [one.__name__ for one in load_handlers(path)]


RECV = "    def recv(self, meta, event): pass\n"


def test_handlers_are_the_concrete_classes_of_the_file_that_have_no_subclass_there_by_name(tmp_path: Path) -> None:
    text = (
        f"class Zebra(slips.interface.Handler):\n{RECV}"
        f"class Base(Handler):\n{RECV}"
        "class Second(Base): pass\n"
        "class First(Base): pass\n"
        "Alias = First\n"
        "class Abstract(Handler): pass\n"
        f"class Plain:\n{RECV}"
    )
    assert handlers_of(tmp_path, text) == ["First", "Second", "Zebra"]


def test_imported_handlers_are_not_the_files_own(tmp_path: Path) -> None:
    (tmp_path / "shared_handlers.py").write_text(f"from slips.interface import Handler\nclass Other(Handler):\n{RECV}")
    assert handlers_of(tmp_path, "from shared_handlers import Other\nclass Mine(Other): pass\n") == ["Mine"]
    with pytest.raises(UsageError, match="no class derived from"):
        handlers_of(tmp_path, "from shared_handlers import Other\n")


def test_a_handler_without_recv_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Counter lacks recv"):
        handlers_of(tmp_path, "class Counter(Handler):\n    def receive(self, meta, event): pass\n")


@pytest.mark.parametrize("name", ["json", "queue", "123-abc", "slips"])
def test_a_handler_file_may_have_any_name_and_shadows_no_module(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(
        "import json, queue\nfrom slips.interface import Handler\n"
        f"json.loads, queue.Queue\nclass Mine(Handler):\n{RECV}"
    )
    assert [one.__name__ for one in load_handlers(path)] == ["Mine"]
    import queue

    assert queue.Queue().empty()


# ---- handlers that raise


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


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


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
    assert "test_process.py" in failure.traceback
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
@pytest.mark.parametrize("value", ["x" * 50_000_000, ["x" * 1_000] * 500_000, [[]] * 5_000_000, b"x" * 50_000_000])
def test_cutting_a_giant_result_takes_no_memory_like_it(value: Any) -> None:
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


# ---- accounting (promises 1 and 3)

KINDS = st.sampled_from(["good", "bad", "noise", "a,b,c", "", "x" * 100])


@pytest.mark.slow
@given(st.lists(KINDS, max_size=30), st.sampled_from(["quarantine", "skip", "fail"]))
@example(["bad"] * 5 + ["good"] * 5, "quarantine")
def test_every_record_is_delivered_filtered_or_quarantined(
    root: Path, texts: list[str], on_error: Literal["quarantine", "skip", "fail"]
) -> None:
    Recorder.runs = []
    config = Config(
        stack_name="test",
        handler=HandlerConfig(path=""),
        bucket_mapping={"my-logs": [Mapping("", WORDS, on_error)]},
        limits=Limits(record_bytes=50),
        file=str(root / "slips.yml"),
    )
    result = Processor(
        FakeSite(config=config, store=MemoryStore(**{EVENT.object_key: lines(*texts)}), handlers=[Recorder])
    ).process(EVENT)
    records = [text for text in texts if text]
    bad = [seq for seq, text in enumerate(records, 1) if text == "bad" or len(text) > 50]
    if on_error == "fail" and bad:
        assert f"record {bad[0]}: " in failed(result).message
        return
    if on_error == "quarantine" and len(records) >= 10 and len(bad) * 2 > len(records):
        assert failed(result).stage == "format"
        return
    success = done(result)
    noise, several = records.count("noise"), records.count("a,b,c")
    good = len(records) - len(bad) - noise
    skipped = len(bad) if on_error == "skip" else 0
    assert counts(success.outcome) == (
        len(records),
        good,
        noise + skipped,
        len(bad) - skipped,
        good + 2 * several,
    )
    assert success.outcome.rules == {
        name: count for name, count in (("noise", noise), (SKIP_RULE.name, skipped)) if count
    }
    assert [seq for first, last in ranges(success) for seq in range(first, cast("int", last) + 1)] == (
        [] if on_error == "skip" else bad
    )
    assert len(Recorder.runs[0].events) == success.outcome.events


def test_a_bad_record_is_kept_with_number_sample_stage_error_and_traceback(make: Make) -> None:
    success = done(make(lines("good", "bad one", "good"), WORDS).process(EVENT))
    assert len(Recorder.runs[0].events) == 2
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    assert (item.kind, item.stage, item.error_type, item.records) == ("records", "parse", "RecordError", [(2, 2)])
    assert item.message == "record 2: it is 'bad one'"
    assert "in words" in item.traceback
    assert [(each.seq, each.raw, each.reason) for each in item.samples] == [(2, "bad one", "it is 'bad one'")]


def test_on_error_fail_names_the_first_bad_record_and_quarantines_nothing(make: Make) -> None:
    failure = failed(make(lines("good", "bad one", "good"), WORDS, on_error="fail").process(EVENT))
    assert failure.message == "s3://my-logs/a/b.log: record 2: it is 'bad one'"
    assert (failure.stage, failure.retryable, Recorder.runs[0].calls) == ("format", False, ["setup", "recv"])
    assert "in words" in failure.traceback


@pytest.mark.parametrize(
    ("bad", "good", "fails"),
    [(9, 0, False), (10, 0, True), (5, 5, False), (6, 5, True), (6, 4, True), (5, 4, False), (50, 50, False)],
)
def test_more_than_half_of_at_least_ten_records_failing_fails_the_object(
    make: Make, bad: int, good: int, fails: bool
) -> None:
    result = make(lines(*["bad"] * bad, *["good"] * good), WORDS).process(EVENT)
    if not fails:
        assert ranges(done(result)) == [(1, bad)]
        return
    failure = failed(result)
    assert (failure.stage, failure.error_type, failure.retryable) == ("format", "FormatError", False)
    assert f"{bad} of {bad + good} records cannot be understood, the first (record 1): it is 'bad'" in failure.message
    assert Recorder.runs[0].calls.count("result") == 0


def test_skipped_records_do_not_make_a_wrong_mapping(make: Make) -> None:
    assert done(make(lines(*["bad"] * 20), WORDS, on_error="skip").process(EVENT)).outcome.filtered == 20


# ---- what a record expands to

SMALL = Limits(record_values=10, record_depth=3)
ELEMENTS = b"[" + b",".join(b'{"n":%d}' % number for number in range(100)) + b"]\n"


@pytest.mark.parametrize("chain", [["s3-lines", "json"], ["s3-text", "json"]])
@pytest.mark.parametrize("body", [ELEMENTS, ELEMENTS.replace(b",", b" ,\t"), b"\xef\xbb\xbf " + ELEMENTS])
def test_an_array_of_many_objects_is_one_record_of_as_many_events(make: Make, body: bytes, chain: list[str]) -> None:
    success = done(make(body, chain, limits=SMALL).process(EVENT))
    run = Recorder.runs[0]
    assert run.events == [{"n": number} for number in range(100)]
    assert [(meta.seq, meta.index) for meta in run.metas] == [(1, number) for number in range(100)]
    assert len({meta.record_id for meta in run.metas}) == 100
    assert (success.outcome.records, success.outcome.delivered, success.outcome.events) == (1, 1, 100)


def test_stages_behind_a_long_array_see_each_of_its_objects(make: Make) -> None:
    chain = ["s3-lines", "json", "formats.py:thirds"]
    success = done(make(ELEMENTS * 2, chain, limits=SMALL).process(EVENT))
    run = Recorder.runs[0]
    thirds = [number for number in range(100) if number % 3 == 0]
    expected = [(seq, index, {"n": number}) for seq in (1, 2) for index, number in enumerate(thirds)]
    assert [(meta.seq, meta.index, event) for meta, event in zip(run.metas, run.events, strict=True)] == expected
    assert (success.outcome.first_timestamp, success.outcome.last_timestamp) == (0, 99)
    none = ELEMENTS.replace(b":", b":3").replace(b"3", b"1")
    success = done(make(none, [*chain, "formats.py:nothing"], limits=SMALL).process(EVENT))
    assert (success.outcome.records, success.outcome.filtered, success.outcome.rules) == (1, 1, {"noise": 1})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'{"n":99}', b'{"n":[[[]]]}', "element 100: record is nested more than 2 levels deep; raise 'limits.record_d"),
        (
            b'{"n":99}',
            b'{"n":[%s]}' % b",".join([b"1"] * 10),
            "element 100: record has more than 10 values; raise 'lim",
        ),
        (b'{"n":99}', b"99", "element 100: element is '99'; expected an object"),
        (b'{"n":99}', b'{"n":9', "not JSON: Expecting "),
        (b"]\n", b"][]\n", "not JSON: found '['; expected the end (after record 100, byte "),
        (b"]\n", b"\n", "not JSON: it ends; expected "),
        (b'{"n":99}', b'{"n":100}', "it is 100"),
    ],
)
def test_a_long_array_with_something_bad_is_quarantined_before_any_of_it_is_delivered(
    make: Make, old: bytes, new: bytes, reason: str
) -> None:
    chain = ["s3-lines", "json", "formats.py:thirds"]
    success = done(make(ELEMENTS.replace(old, new) + b'{"n":0}\n', chain, limits=SMALL).process(EVENT))
    assert Recorder.runs[0].events == [{"n": 0}]
    (sample,) = success.quarantine[0].samples
    assert sample.reason.startswith(reason)
    assert (success.outcome.records, success.outcome.quarantined, success.outcome.events) == (2, 1, 1)


def test_a_parser_that_changes_its_mind_about_a_long_array_fails_the_object(make: Make) -> None:
    failure = make(ELEMENTS, ["s3-lines", "json", "formats.py:fickle"], limits=SMALL).process(EVENT)
    assert isinstance(failure, Failure)
    assert failure.error_type == "FormatError"
    assert "record 1: a parser refused now what it had taken: RecordError: again?" in failure.message


@pytest.mark.parametrize(
    ("body", "chain", "limits"),
    [
        (b'{"a":[1,2,3,4,5,6,7,8,9,10]}\n', ["s3-lines", "json"], SMALL),
        (b'{"a":[1,2,3,4,5,6,7,8,9,10]}\n', ["s3-text", "json"], SMALL),
        (b'{"Records":[{"a":[1,2,3,4,5,6,7,8,9,10]}]}\n', ["json-records"], SMALL),
        (b'{"a":{"b":{"c":{}}}}\n', ["s3-lines", "json"], SMALL),
        (b"2026-11-28T00:00:00Z\tt\t" + b'{"a":[1,2,3,4,5,6,7,8,9,10]}\n', ["s3-lines", "fluentd-json"], SMALL),
        (b"a,b\n1,2,3,4,5,6,7,8,9,10,11\n", ["csv"], SMALL),
        (b"1,,,TRAFFIC" + b"," * 10 + b"\n", ["s3-lines", "paloalto"], SMALL),
        (b"1,,,TRAFFIC" + b',"",""' * 5 + b"\n", ["s3-lines", "paloalto"], SMALL),
    ],
)
def test_a_record_beyond_the_limits_is_quarantined_and_taken_when_they_are_raised(
    make: Make, body: bytes, chain: list[str], limits: Limits
) -> None:
    success = done(make(body, chain, limits=limits).process(EVENT))
    (part,) = success.quarantine
    assert part.error_type == "RecordTooLarge"
    assert "raise 'limits.record_" in part.message
    assert (success.outcome.records, success.outcome.quarantined, success.outcome.events) == (1, 1, 0)
    (item,) = report_quarantine(success, "id", 1, 0.0)
    raised = Limits(record_values=100, record_depth=4)
    again = done(make(body, chain, limits=raised).process(replace(item.events[0], object_etag="")))
    assert (again.outcome.records, again.outcome.delivered, again.outcome.events) == (1, 1, 1)


FACE = "\U0001f600"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "chain"),
    [
        ("%s\n", ["s3-lines"]),
        ("%s", ["s3-text"]),
        ("Nov 21 06:00:24 h p: %s\n", ["s3-lines", "syslog"]),
        ('{"message":"Nov 21 06:00:24 h p: %s"}\n', ["s3-lines", "json", "syslog"]),
        ('{"message":"%s\\ud800"}\n', ["s3-lines", "json"]),
        ("1,,,TRAFFIC,%s\n", ["s3-lines", "paloalto"]),
        ("a,b\n1,%s\n", ["csv"]),
        ('a,b\n1,"%s"\n', ["csv"]),
    ],
)
@pytest.mark.parametrize(("end", "fits"), [("x", True), ("é", True), ("あ", True), (FACE, False)])
def test_a_text_that_takes_more_memory_than_twice_the_limit_of_bytes_is_quarantined(
    make: Make, body: str, chain: list[str], end: str, fits: bool
) -> None:
    raw = (body % ("x" * 10_000 + end)).encode()
    success = done(make(raw, chain, limits=Limits(record_bytes=len(raw))).process(EVENT))
    assert success.outcome.delivered == fits
    if not fits:
        assert success.quarantine[0].error_type == "RecordTooLarge"
        assert "bytes of memory, over the limit of 20," in success.quarantine[0].message
        again = make(raw, chain, limits=Limits(record_bytes=2 * len(raw))).process(EVENT)
        assert done(again).outcome.delivered == 1


def test_replayed_records_may_all_fail_again(make: Make) -> None:
    success = done(make(lines(*["bad"] * 20), WORDS).process(replace(EVENT, object_etag="", records=[(1, 20)])))
    assert ranges(success) == [(1, 20)]


def test_counters_that_disagree_are_an_error_not_a_success(make: Make, root: Path) -> None:
    class Miscounting(Chain):
        def run(self, stream: BufferedReader, outcome: Outcome, **kwargs: Any) -> int | None:
            stopped = super().run(stream, outcome, **kwargs)
            outcome.records += 1
            return stopped

    good = compile_chain(["s3-lines"], root)
    processor = make(lines("a", "b"))
    processor._chains["s3-lines",] = Miscounting(good.names, s3_lines(root), "", [], RecordLimits())
    result = processor.process(EVENT)
    assert isinstance(result, Failure)
    assert (result.stage, result.error_type, result.retryable) == ("accounting", "AccountingError", False)
    assert "3 records, but 2 delivered + 0 filtered + 0 quarantined" in result.message
    assert "result" not in Recorder.runs[0].calls


def s3_lines(root: Path) -> Any:
    from slips.chain import find_format

    return find_format("s3-lines", root)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("exit", "enough"),
        ("mute", "Mute"),
        ("recursion", "recursion"),
        ("none", "NoneType"),
        ("empty", "no event"),
        ("mixed", "list"),
        ("time", "2018-01-01"),
        ("times", "None"),
    ],
)
def test_whatever_a_parser_does_wrong_costs_it_the_record_only(make: Make, text: str, reason: str) -> None:
    success = done(make(lines("good", text, "good"), ODD).process(EVENT))
    assert (ranges(success), len(Recorder.runs[0].events)) == ([(2, 2)], 2)
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    assert reason in item.samples[0].reason + item.error_type
    msgspec.json.encode(item)


@pytest.mark.parametrize("text", ["decimal", "dictlike"])
def test_what_is_as_good_as_expected_is_delivered(make: Make, text: str) -> None:
    success = done(make(lines(text), ODD).process(EVENT))
    assert success.outcome.delivered == 1
    assert travelled(success) == success


def test_first_and_last_timestamp_span_all_events(make: Make) -> None:
    class Late(Recorder): ...

    times = [5, 3, 9]
    body = lines(*(json.dumps({"time": f"2018-03-29T16:00:0{n}Z"}) for n in times))
    outcome = done(make(body, ["s3-lines", "json", "ecs-hako"], Late).process(EVENT)).outcome
    seen = [meta.timestamp for meta in Recorder.runs[0].metas]
    assert (outcome.first_timestamp, outcome.last_timestamp) == (min(seen), max(seen))
    assert len(set(seen)) == 3


# ---- quarantine is bounded


def test_neighbours_are_one_range_and_others_are_not(make: Make) -> None:
    texts = ["good", "bad", "bad", "good", "bad", "good", "good", "bad"]
    assert ranges(done(make(lines(*texts), WORDS).process(EVENT))) == [(2, 3), (5, 5), (8, 8)]


def test_an_item_holds_a_thousand_ranges_and_more_make_more_items(make: Make) -> None:
    texts = ["bad one", "good"] * (2 * RANGES + 1)
    success = done(make(lines(*texts), WORDS).process(EVENT))
    items = list(report_quarantine(success, "r1", 2, 0.0))
    assert [item.request_id for item in items] == ["r1", "r1-2", "r1-3"]
    assert [len(item.records) for item in items] == [RANGES, RANGES, 1]
    assert [each for item in items for each in item.records] == [(n, n) for n in range(1, 4 * RANGES + 2, 2)]
    for item in items:
        (event,) = item.events
        assert (event.records, event.reader, item.attempts) == (item.records, "s3-lines", 2)
        assert item.samples[0].seq == item.records[0][0]
        assert len(item.samples) == 1 or item is items[0]
        assert item.message.startswith(f"record {item.records[0][0]}: ")


NASTY = {
    "text": lambda n: b"bad " + b"x" * n,
    "not UTF-8": lambda n: b"bad " + b"\xff" * n,
    "control": lambda n: b"bad " + b"\x00\x01" * (n // 2),
    "quotes": lambda n: b"bad " + b'"\\' * (n // 2),
    "beyond ASCII": lambda n: b"bad " + "漢".encode() * (n // 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 100, 50_000])
@pytest.mark.parametrize("kind", NASTY)
def test_an_item_stays_small_whatever_the_records_are(make: Make, kind: str, size: int) -> None:
    record = NASTY[kind](size)
    body = b"".join(record + b"\ngood\n" for _ in range(1_200))
    success = done(make(body, WORDS).process(EVENT))
    for item in report_quarantine(success, "r1", 1, 0.0):
        assert len(msgspec.json.encode(item.samples)) <= SAMPLES_BYTES * 1.05
        assert len(msgspec.json.encode(item)) < 128_000
        assert item.samples


def test_a_shortened_sample_says_so_and_a_whole_one_gives_the_exact_bytes(make: Make) -> None:
    import base64

    whole = b"bad \xff\x00\xe2\x80\xa8"
    body = whole + b"\r\nbad " + b"y" * 100_000 + b"\n"
    (item,) = report_quarantine(done(make(body, WORDS).process(EVENT)), "r1", 1, 0.0)
    first, second = item.samples
    assert base64.b64decode(first.base64 or "") == whole
    assert (first.raw, first.truncated) == ("bad \\xff\x00\u2028", False)
    assert (second.truncated, second.raw.startswith("bad yyy"), len(second.raw) < 10_000) == (True, True, True)


@pytest.mark.slow
def test_a_bad_record_among_many_takes_forty_bytes() -> None:
    count = 200_000
    quarantine = Quarantine()
    error = RecordError("it is bad")
    tracemalloc.start()
    for seq in range(1, 2 * count, 2):
        quarantine.add(seq, b"bad one", error)
    assert len(quarantine.parts) == count // RANGES
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * count


# ---- records as they are (promises 1 and 3)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"a\n\n\n  \t\nb\n", ["a", "b"]),
        (b"a\r\nb\r\n\r\nc", ["a", "b", "c"]),
        (b"a\rb\nc\x0bd\x0ce\n", ["a\rb", "c\x0bd\x0ce"]),
        ("a\u2028b\u2029c\x85d\x1ce\nf\n".encode(), ["a\u2028b\u2029c\x85d\x1ce", "f"]),
        (b"a\x85b\xa0c\n", ["a\udc85b\udca0c"]),
        (b"a\x00b\n\x00\n", ["a\x00b", "\x00"]),
        ("\ufeffa\nb\n".encode(), ["\ufeffa", "b"]),
        (b"\xff\xfe\xc3\n\xf0\x9f\x98\n", ["\udcff\udcfe\udcc3", "\udcf0\udc9f\udc98"]),
        (b"no line end", ["no line end"]),
        (b"\n", []),
        (b"\r", []),
    ],
    ids=["blank", "CRLF", "CR VT FF", "U+2028", "lone 0x85", "NUL", "BOM", "bad UTF-8", "no end", "LF", "CR"],
)
def test_only_a_line_feed_ends_a_record_and_its_bytes_survive(make: Make, body: bytes, texts: list[str]) -> None:
    success = done(make(body).process(EVENT))
    (handler,) = Recorder.runs
    assert [event["message"] for event in handler.events] == texts
    assert [meta.seq for meta in handler.metas] == list(range(1, len(texts) + 1))
    recovered = [event["message"].encode("utf-8", "surrogateescape") for event in handler.events]
    kept = [line.removesuffix(b"\r") for line in body.split(b"\n") if line.strip(b" \t\r")]
    assert (recovered, success.outcome.records) == (kept, len(kept))


@pytest.mark.parametrize("text", ["bad \u2028 é", "bad\x00"])
def test_json_with_what_is_not_text_is_delivered_or_quarantined_with_its_bytes(make: Make, text: str) -> None:
    first = json.dumps({"t": text}, ensure_ascii=False).encode()
    rest = b'\n{"t": "\xff"}\n\xef\xbb\xbf{"t": 1}\n{"t": \xff}\n'
    success = done(make(first + rest, ["s3-lines", "json"]).process(EVENT))
    assert [event["t"] for event in Recorder.runs[0].events] == [text, "\udcff", 1]
    assert ranges(success) == [(4, 4)]


def test_a_record_that_is_too_long_is_quarantined_and_reading_goes_on(make: Make) -> None:
    body = b"a" * 50 + b"\n" + b"b" * 51 + b"\n" + b"c" * 1_000_000 + b"\n" + b"d" * 50 + b"\r\n" + b"e" * 51
    success = done(make(body, ["s3-lines"], limits=Limits(record_bytes=50)).process(EVENT))
    (handler,) = Recorder.runs
    assert [(meta.seq, len(event["message"])) for meta, event in zip(handler.metas, handler.events, strict=True)] == [
        (1, 50),
        (4, 50),
    ]
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    assert (item.records, item.error_type) == ([(2, 3), (5, 5)], "RecordTooLong")
    assert "51 bytes, over the limit of 50" in item.samples[0].reason
    assert [(each.seq, each.truncated) for each in item.samples] == [(2, False), (3, True), (5, False)]


def test_a_record_that_a_reader_cannot_give_is_quarantined_with_what_it_has(make: Make) -> None:
    success = done(make(b"aaab!bccc", BLOCKS).process(EVENT))
    assert [event["message"] for event in Recorder.runs[0].events] == ["aaa", "ccc"]
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    assert [(each.seq, each.raw, each.reason) for each in item.samples] == [(2, "b!b", "a piece with !")]


# ---- objects that cannot be finished


def test_a_damaged_object_says_after_which_record_and_quarantines_nothing(make: Make) -> None:
    texts = ["good", "bad"] * 500
    noise = os.urandom(20_000).hex()  # so that records come out of gzip in more than one piece
    body = gzip.compress(lines(*texts, noise, *texts))[:-1000]
    failure = failed(make(body, WORDS).process(EVENT))
    assert (failure.stage, failure.error_type, failure.retryable) == ("decompression", "DecompressionError", False)
    records = failure.outcome.records
    assert records >= 1000
    assert f"(after record {records})" in failure.message
    assert counts(failure.outcome)[1:4] == (records - failure.outcome.quarantined, 0, failure.outcome.quarantined)
    assert failure.seq is None
    assert "result" not in Recorder.runs[0].calls
    assert failure.outcome.bytes_in == len(body)


def test_the_last_line_of_a_damaged_object_that_is_cut_off_is_no_record(make: Make) -> None:
    body = gzip.compress(b"one\ntwo\nthr", compresslevel=0)[:-8]
    failure = failed(make(body).process(EVENT))
    assert [event["message"] for event in Recorder.runs[0].events] == ["one", "two"]
    assert (failure.outcome.records, "(after record 2)" in failure.message) == (2, True)


def test_a_reader_that_cannot_go_on_fails_the_object_after_the_records_before(make: Make) -> None:
    failure = failed(make(b"aaa!bbc?cddd", BLOCKS).process(EVENT))
    assert (failure.stage, failure.error_type, failure.retryable) == ("reader", "ReaderError", False)
    assert "a piece with ? (after record 2)" in failure.message
    assert counts(failure.outcome) == (2, 1, 0, 1, 1)


def test_a_reader_with_a_bug_fails_the_object_with_its_traceback(make: Make) -> None:
    failure = failed(make(b"aaab#b", BLOCKS).process(EVENT))
    assert (failure.stage, failure.retryable) == ("reader", False)
    assert "KeyError: 'a bug'" in failure.message
    assert "(after record 1)" in failure.message
    assert "in blocks" in failure.traceback


def test_an_object_that_cannot_be_read_may_be_tried_again(make: Make) -> None:
    failure = failed(make(StorageError("s3://my-logs/a/b.log: no answer")).process(EVENT))
    assert (failure.stage, failure.retryable, failure.message) == ("storage", True, "s3://my-logs/a/b.log: no answer")


def test_no_memory_for_an_object_fails_it_alone(make: Make) -> None:
    failure = failed(make(cast("Exception", MemoryError())).process(EVENT))
    assert (failure.error_type, failure.retryable) == ("MemoryError", True)


def test_a_missing_mapping_is_an_error_that_says_what_to_add(make: Make) -> None:
    failure = failed(make().process(replace(EVENT, object_key="other/x.log")))
    assert (failure.stage, failure.error_type, failure.retryable) == ("mapping", "MappingError", False)
    assert "no prefix of 'bucket_mapping' fits" in failure.message
    assert "bucket 'my-logs'" in failure.message
    assert Recorder.runs == []


def test_a_chain_that_cannot_be_made_fails_the_object_not_the_run(make: Make) -> None:
    failure = failed(make(b"a\n", ["s3-lines", "formats.py:none"]).process(EVENT))
    assert (failure.stage, failure.retryable) == ("format", False)


def test_ignored_objects_are_done_unopened(make: Make) -> None:
    store = MemoryStore()
    success = done(make(format=["ignore"], store=store).process(EVENT))
    assert (counts(success.outcome), store.opened, Recorder.runs) == ((0, 0, 0, 0, 0), 0, [])


# ---- continuing long objects (promise 5)


class StopAt(Ticker):
    """Stops a run behind each of these records."""

    def __init__(self, *seqs: int) -> None:
        self.due = True
        self._seqs = seqs

    def tick(self, seq: int) -> bool:
        return seq in self._seqs


def test_a_stopped_run_concludes_and_says_what_is_left(make: Make) -> None:
    success = done(make(lines("a", "b", "c", "d")).process(EVENT, StopAt(2)))
    assert Recorder.runs[0].calls == ["setup", "recv", "recv", "result"]
    assert success.rest is not None
    assert (success.rest.records, success.rest.reader) == ([(3, None)], "s3-lines")
    assert success.rest.object_etag == success.event.object_etag != "announced"
    assert counts(success.outcome) == (2, 2, 0, 0, 2)


def test_a_run_that_is_stopped_behind_its_last_record_is_whole(make: Make) -> None:
    assert done(make(lines("a", "b")).process(EVENT, StopAt(2))).rest is None
    assert done(make(lines("bad", "bad"), WORDS).process(EVENT, StopAt(2))).rest is None
    only = replace(EVENT, object_etag="", records=[(1, 2)])
    assert done(make(lines("a", "b", "c")).process(only, StopAt(2))).rest is None


def test_bad_records_do_not_keep_a_run_from_being_stopped(make: Make) -> None:
    success = done(make(lines(*["bad"] * 9), WORDS).process(EVENT, StopAt(3)))
    assert success.rest is not None
    assert (ranges(success), success.rest.records) == ([(1, 3)], [(4, None)])


def test_the_look_for_a_further_record_does_not_hide_a_damage(make: Make) -> None:
    failure = failed(make(gzip.compress(lines("a", "b"), compresslevel=0)[:-8]).process(EVENT, StopAt(2)))
    assert (failure.stage, failure.outcome.records) == ("decompression", 2)


RANGES_OF_RECORDS = st.one_of(
    st.none(),
    st.lists(st.integers(1, 40), min_size=1, max_size=8, unique=True).map(
        lambda edges: [
            (first, last) for first, last in zip(sorted(edges)[::2], [*sorted(edges)[1::2], None], strict=False)
        ]
    ),
)


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(["good", "bad", "noise", "a,b"]), max_size=30),
    RANGES_OF_RECORDS,
    st.sets(st.integers(1, 31)),
)
def test_all_parts_together_give_each_record_exactly_once(
    root: Path, texts: list[str], records: list[Range] | None, stops: set[int]
) -> None:
    Recorder.runs = []
    config = Config(
        stack_name="test",
        handler=HandlerConfig(path=""),
        bucket_mapping={"my-logs": [Mapping("", WORDS)]},
        file=str(root / "slips.yml"),
    )
    processor = Processor(
        FakeSite(config=config, store=MemoryStore(**{EVENT.object_key: lines(*texts)}), handlers=[Recorder])
    )
    wanted = [
        (seq, text)
        for seq, text in enumerate(texts, 1)
        if records is None or any(first <= seq and (last is None or seq <= last) for first, last in records)
    ]
    event: ObjectEvent | None = replace(EVENT, object_etag="", records=records)
    parts, quarantined, total = 0, [], Outcome()
    while event is not None:
        result = processor.process(event, StopAt(*stops))
        if isinstance(result, Failure):  # a wrong mapping: that is another test
            assert result.stage == "format"
            return
        success = done(result)
        assert success.outcome.records or not wanted  # each part goes on
        total.records += success.outcome.records
        total.filtered += success.outcome.filtered
        quarantined += [seq for first, last in ranges(success) for seq in range(first, cast("int", last) + 1)]
        parts += 1
        event = success.rest
    assert parts == 1 + len(stops & {seq for seq, _ in wanted[:-1]})
    assert total.records == len(wanted)
    assert total.filtered == [text for _, text in wanted].count("noise")
    assert quarantined == [seq for seq, text in wanted if text == "bad"]
    seen = [(meta.seq, meta.index) for one in Recorder.runs for meta in one.metas]
    assert seen == [
        (seq, index) for seq, text in wanted if text in ("good", "a,b") for index in range(1 + (text == "a,b"))
    ]


def test_one_who_waits_for_a_sign_of_life_gets_one_while_records_are_passed_over(make: Make) -> None:
    class Heart(Ticker):
        due = True
        beats = 0

        def tick(self, _seq: int) -> bool:
            self.beats += 1
            return False

    heart = Heart()
    done(make(lines(*["a"] * 100)).process(replace(EVENT, object_etag="", records=[(100, 100)]), heart))
    assert heart.beats > 50


# ---- replay (promise 4)


@pytest.mark.parametrize(
    ("records", "seqs"),
    [
        ([(2, 2)], [2]),
        ([(1, 1), (3, 4)], [1, 3, 4]),
        ([(4, None)], [4, 5]),
        ([(1, 2), (5, None)], [1, 2, 5]),
        ([(6, None)], []),
        ([(5, 9)], [5]),
        ([], []),
    ],
)
def test_a_replay_of_records_gives_exactly_those(make: Make, records: list[Range], seqs: list[int]) -> None:
    success = done(make(lines(*"abcde")).process(replace(EVENT, object_etag="", records=records)))
    assert [meta.seq for meta in Recorder.runs[0].metas] == seqs
    assert success.outcome.records == len(seqs)


def test_a_replay_reads_no_further_than_its_last_record() -> None:
    def numbered() -> Iterator[tuple[int, bytes]]:
        yield from ((1, b"a"), (2, b"b"))
        raise AssertionError("read on")

    assert list(select(numbered(), [(1, 1), (2, 2)], Ticker())) == [(1, b"a"), (2, b"b")]


def test_a_replay_reads_the_very_content_that_its_records_were_numbered_in(make: Make) -> None:
    store = MemoryStore(**{EVENT.object_key: lines("bad", "good")})
    processor = make(format=WORDS, store=store)
    success = done(processor.process(EVENT))
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    (replay,) = item.events
    assert ranges(done(processor.process(replay))) == [(1, 1)]
    store.objects[EVENT.object_key] = lines("other", "content")
    failure = failed(processor.process(replay))
    assert (failure.stage, failure.error_type, failure.retryable) == ("replay", "OverwrittenError", False)
    assert "object overwritten" in failure.message
    assert len(Recorder.runs) == 2


def test_a_replay_refuses_a_reader_that_counts_otherwise(make: Make) -> None:
    store = MemoryStore(**{EVENT.object_key: lines("bad", "good")})
    (item,) = report_quarantine(done(make(format=WORDS, store=store).process(EVENT)), "r1", 1, 0.0)
    failure = failed(make(format=["s3-text"], store=store).process(item.events[0]))
    assert failure.error_type == "OverwrittenError"
    assert "numbered by 's3-lines', the config now says 's3-text'" in failure.message


def test_record_ids_are_the_same_on_every_retry_replay_and_part_and_differ_within_an_object(make: Make) -> None:
    body = lines("a,b", "bad", "c", "d")
    processor = make(body, WORDS)
    whole = done(processor.process(EVENT))
    done(processor.process(replace(EVENT, object_etag="", lane="slow", replay="r1@1", event_time="")))
    part = done(processor.process(EVENT, StopAt(2)))
    assert part.rest is not None
    done(processor.process(part.rest))
    done(processor.process(replace(whole.event, records=[(3, 3)], reader=whole.reader)))
    first, again, *parts, replay = ([meta.record_id for meta in one.metas] for one in Recorder.runs)
    assert len(set(first)) == 4
    assert first == again == [record_id for one in parts for record_id in one]
    assert replay == [first[2]]


def test_other_content_or_version_has_other_record_ids(make: Make) -> None:
    store = MemoryStore(**{EVENT.object_key: b"a\n"})
    processor = make(store=store)
    done(processor.process(EVENT))
    store.objects[EVENT.object_key] = b"a\nb\n"
    done(processor.process(EVENT))
    store.version = "v2"
    done(processor.process(EVENT))
    ids = [one.metas[0].record_id for one in Recorder.runs]
    assert len(set(ids)) == 3
    assert ids[2] == "my-logs/a/b.log@v2#1"


def test_meta_names_the_content_that_was_read_not_the_one_announced(make: Make) -> None:
    success = done(make(b"a\n").process(replace(EVENT, object_size=99)))
    (meta,) = Recorder.runs[0].metas
    assert (meta.source.object_size, meta.source.object_etag) == (2, success.outcome.identity)
    assert (meta.tag, meta.timestamp, meta.source.event_time) == ("", EVENT.timestamp, EVENT.event_time)


def test_a_giant_record_that_is_passed_over_keeps_its_size_and_beginning() -> None:
    quarantine = Quarantine()
    quarantine.add(1, TooLong(10**9, 50, b"head"), RecordError("too long"))
    ((sample,),) = (part.samples for part in quarantine.parts)
    assert (sample.raw, sample.truncated) == ("head", True)
