"""Promises of `process` about records: each is counted, and a bad one is quarantined as it is."""

from __future__ import annotations

import json
import tracemalloc
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes import FakeSite
from processing import (
    BLOCKS,
    EVENT,
    ODD,
    WORDS,
    Make,
    MemoryStore,
    Recorder,
    counts,
    done,
    failed,
    lines,
    make,
    ranges,
    root,
    travelled,
)
from slips.config import Config, HandlerConfig, Mapping
from slips.config.schema import Limits
from slips.errors import RecordError
from slips.format import RecordLimits
from slips.model import Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.loop import SKIP_RULE
from slips.parsing.run import Chain
from slips.pipeline.ended import Failure
from slips.pipeline.items import report_quarantine
from slips.pipeline.process import Processor
from slips.pipeline.quarantine import RANGES, SAMPLES_BYTES, Quarantine

__all__ = ["make", "root"]


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


PLAIN = "formats.py:plain"
"""A reader of lines, behind which `json` is a parser."""
SMALL = Limits(record_values=10, record_depth=3)
ELEMENTS = b"[" + b",".join(b'{"n":%d}' % number for number in range(100)) + b"]\n"


@pytest.mark.parametrize("body", [ELEMENTS, ELEMENTS.replace(b",", b" ,\t"), b"\xef\xbb\xbf " + ELEMENTS])
def test_an_array_of_many_objects_is_one_record_of_as_many_events(make: Make, body: bytes) -> None:
    success = done(make(body, [PLAIN, "json"], limits=SMALL).process(EVENT))
    run = Recorder.runs[0]
    assert run.events == [{"n": number} for number in range(100)]
    assert [(meta.seq, meta.index) for meta in run.metas] == [(1, number) for number in range(100)]
    assert len({meta.record_id for meta in run.metas}) == 100
    assert (success.outcome.records, success.outcome.delivered, success.outcome.events) == (1, 1, 100)


def test_stages_behind_a_long_array_see_each_of_its_objects(make: Make) -> None:
    chain = [PLAIN, "json", "formats.py:thirds"]
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
        (b'{"n":99}', b'{"n":9', "element 100: not JSON: Expecting "),
        (b"]\n", b"][]\n", "not JSON: found '['; expected the end (after record 100, byte "),
        (b"]\n", b"\n", "not JSON: it ends; expected "),
        (b'{"n":99}', b'{"n":100}', "it is 100"),
    ],
)
def test_a_long_array_with_something_bad_is_quarantined_before_any_of_it_is_delivered(
    make: Make, old: bytes, new: bytes, reason: str
) -> None:
    chain = [PLAIN, "json", "formats.py:thirds"]
    success = done(make(ELEMENTS.replace(old, new) + b'{"n":0}\n', chain, limits=SMALL).process(EVENT))
    assert Recorder.runs[0].events == [{"n": 0}]
    (sample,) = success.quarantine[0].samples
    assert sample.reason.startswith(reason)
    assert (success.outcome.records, success.outcome.quarantined, success.outcome.events) == (2, 1, 1)


def test_a_parser_that_changes_its_mind_about_a_long_array_fails_the_object(make: Make) -> None:
    failure = make(ELEMENTS, [PLAIN, "json", "formats.py:fickle"], limits=SMALL).process(EVENT)
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


def test_counters_that_disagree_are_an_error_not_a_success(
    make: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Miscounting(Chain):
        def run(self, stream: BufferedReader, outcome: Outcome, **kwargs: Any) -> int | None:
            stopped = super().run(stream, outcome, **kwargs)
            outcome.records += 1
            return stopped

    good = compile_chain(["s3-lines"], root)
    processor = make(lines("a", "b"))
    miscounting = Miscounting(good.names, s3_lines(root), "", [], RecordLimits())
    monkeypatch.setattr(processor, "_chain", lambda *_: miscounting)
    result = processor.process(EVENT)
    assert isinstance(result, Failure)
    assert (result.stage, result.error_type, result.retryable) == ("accounting", "AccountingError", False)
    assert "3 records, but 2 delivered + 0 filtered + 0 quarantined" in result.message
    assert "result" not in Recorder.runs[0].calls


def s3_lines(root: Path) -> Any:
    from slips.parsing.chain import find_format

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
        ("huge time", "beyond all floats"),
        ("huge times", "beyond all floats"),
    ],
)
def test_whatever_a_parser_does_wrong_costs_it_the_record_only(make: Make, text: str, reason: str) -> None:
    success = done(make(lines("good", text, "good"), ODD).process(EVENT))
    assert (ranges(success), len(Recorder.runs[0].events)) == ([(2, 2)], 2)
    (item,) = report_quarantine(success, "r1", 1, 0.0)
    assert reason in item.samples[0].reason + item.error_type
    msgspec.json.encode(item)


def test_a_time_that_a_parser_sets_reaches_the_handler_as_a_float(make: Make) -> None:
    done(make(lines("decimal", "good"), ODD).process(EVENT))
    times = [meta.timestamp for meta in Recorder.runs[0].metas]
    assert (times[0], [type(each) for each in times]) == (1.5, [float, float])


@pytest.mark.parametrize("text", ["decimal", "dictlike"])
def test_values_as_good_as_the_expected_ones_are_delivered(make: Make, text: str) -> None:
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
        assert (event.records, event.reader, item.attempts) == (item.records, "s3-lines/2", 2)
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
        quarantine.add(seq, lambda: b"bad one", error)
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
        (b"a\x00b\nc\x00\n", ["a\x00b", "c\x00"]),
        (b"\xff\xfd\xc3\n\xf0\x9f\x98\n", ["\udcff\udcfd\udcc3", "\udcf0\udc9f\udc98"]),
        (b"no line end", ["no line end"]),
        (b"\n", []),
        (b"\r", []),
    ],
    ids=["blank", "CRLF", "CR VT FF", "U+2028", "lone 0x85", "NUL", "bad UTF-8", "no end", "LF", "CR"],
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
