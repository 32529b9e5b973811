"""Promises of `process`: one object is one run, whole or in parts, once or again."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fakes import FakeSite, config_of
from processing import (
    BLOCKS,
    EVENT,
    WORDS,
    Make,
    MemoryStore,
    Recorder,
    StopAt,
    counts,
    done,
    failed,
    lines,
    make,
    ranges,
    root,
)
from slips.config import Config, HandlerConfig, Mapping
from slips.errors import RecordError, StorageError, UsageError
from slips.format import TooLong
from slips.interface import Handler, load_handlers
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.parsing.run import Ticker, select
from slips.pipeline.ended import Failure
from slips.pipeline.items import report_quarantine
from slips.pipeline.process import Processor
from slips.pipeline.quarantine import Quarantine

__all__ = ["make", "root"]


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


def test_changes_of_a_handler_to_its_args_are_not_seen_by_the_next(make: Make) -> None:
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
    success = done(make(body, ["formats.py:plain", "json"], Vandal, Witness, Vandal).process(EVENT))
    witness = next(one for one in Recorder.runs if isinstance(one, Witness))
    assert witness.events == [{"nested": {"list": [n]}} for n in (1, 2, 3)]
    assert all(meta.tag != "broken" and meta.timestamp == EVENT.timestamp for meta in witness.metas)
    assert [(meta.seq, meta.index) for meta in witness.metas] == [(1, 0), (2, 0), (2, 1)]
    assert Recorder.runs[2].events[0]["nested"]["list"] == [1, "vandal"]
    assert success.outcome.results == {"Vandal": 3, "Witness": 3}


def test_each_of_several_handlers_may_change_its_own_header(make: Make) -> None:
    class Vandal(Recorder):
        def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
            super().recv(meta, event)
            meta.header["hostname"] = "broken"

    class Witness(Recorder): ...

    body = lines('Nov 28 08:00:02 web1 app: [{"n": 1}, {"n": 2}]')
    done(make(body, ["syslog", "json"], Vandal, Witness).process(EVENT))
    witness = next(one for one in Recorder.runs if isinstance(one, Witness))
    assert [meta.header["hostname"] for meta in witness.metas] == ["web1", "web1"]


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


def test_a_missing_mapping_has_the_fingerprint_of_the_version_before_unless_patterns_could_fit() -> None:
    def message(*mappings: Mapping) -> str:
        config = config_of(bucket_mapping={"my-logs": list(mappings)})
        return failed(Processor(FakeSite(config=config, store=MemoryStore())).process(EVENT)).message

    before = f"{EVENT.url}: no prefix of 'bucket_mapping' fits; expected one for bucket 'my-logs'; " + (
        "add it to the config, then 'slips drain'"
    )
    assert message(Mapping("b/", ["json"])) == before
    assert message(Mapping("b/", ["json"]), Mapping(pattern="b/*", format=["json"])) == before.replace(
        "fits;", "fits, nor a pattern;"
    )


def test_a_chain_that_cannot_be_made_fails_the_object_not_the_run(make: Make) -> None:
    failure = failed(make(b"a\n", ["s3-lines", "formats.py:none"]).process(EVENT))
    assert (failure.stage, failure.retryable) == ("format", False)


def test_ignored_objects_are_done_unopened(make: Make) -> None:
    store = MemoryStore()
    success = done(make(format=["ignore"], store=store).process(EVENT))
    assert (counts(success.outcome), store.opened, Recorder.runs) == ((0, 0, 0, 0, 0), 0, [])


# ---- continuing long objects (promise 5)


def test_a_stopped_run_concludes_and_says_what_is_left(make: Make) -> None:
    success = done(make(lines("a", "b", "c", "d")).process(EVENT, StopAt(2)))
    assert Recorder.runs[0].calls == ["setup", "recv", "recv", "result"]
    assert success.rest is not None
    assert (success.rest.records, success.rest.reader) == ([(3, None)], "s3-lines/2")
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
    assert "numbered by 's3-lines/2', the config now says 's3-text'" in failure.message


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
    quarantine.add(1, lambda: TooLong(10**9, 50, b"head"), RecordError("too long"))
    ((sample,),) = (part.samples for part in quarantine.parts)
    assert (sample.raw, sample.truncated) == ("head", True)
