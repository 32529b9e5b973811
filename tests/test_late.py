"""A typed event's message and entities are found in its text when asked for, and no other text is kept for that."""

from __future__ import annotations

import copy
import gc
import io
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from chains import OBJECT
from slips.format import RecordLimits
from slips.model import LateMetaData, MetaData, Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.event_types import EventTypes
from slips.parsing.json_text import bearable, texts_of_objects
from slips.parsing.readers.json_runs import JsonRuns
from slips.parsing.run import Ticker

DOCUMENT, LINES = ["cloudtrail"], ["s3-lines", "json", "cloudtrail"]
CALL = {"eventName": "x", "eventType": "t", "sourceIPAddress": "192.0.2.1", "userIdentity": {"arn": "a"}}
MESSAGE, ADDRESSES = "t x by a on 192.0.2.1", ("192.0.2.1",)


class Call(Struct):
    eventName: str


class Refusing(Call):
    def __post_init__(self) -> None:
        if self.eventName == "refused":
            raise ValueError("it is refused")


def object_of(chain: list[str], texts: list[bytes]) -> bytes:
    return b'{"Records": [%s]}' % b",".join(texts) if chain == DOCUMENT else b"\n".join(texts)


def run(
    chain: list[str], texts: list[bytes], recv: Callable[[MetaData, Any], Any], declared: type[Struct] | None = Call
) -> tuple[Outcome, list[tuple[int, str]]]:
    """Run the records of an object. Return the counts, and number and reason of each bad record."""
    types = [] if declared is None else [EventTypes.of(declared, "Handler")]
    outcome, bad = Outcome(), list[tuple[int, str]]()
    compile_chain(chain, Path(), types=types).run(
        io.BufferedReader(io.BytesIO(object_of(chain, texts))),
        outcome,
        source=OBJECT,
        recv=recv,
        reject=lambda seq, _record, error: bad.append((seq, str(error))),
        ticker=Ticker(),
    )
    return outcome, bad


def call(number: int = 0, **odd: Any) -> bytes:
    return json.dumps({**CALL, "n": number, **odd}).encode()


def holding(field: bytes, name: str = "x") -> bytes:
    """A call with one more field, whose value is a text in JSON."""
    return b'%s, "other": %s}' % (call(eventName=name)[:-1], field)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def beneath(frames: int, function: Callable[[], Any]) -> Any:
    """The result of a function that is called from so many others."""
    return function() if not frames else beneath(frames - 1, function)


def nearly_too_deep() -> Iterator[bytes]:
    """Values of which a decoder can pass over some, and one with less room on the stack cannot."""
    frames, frame = 0, sys._getframe()
    while frame.f_back is not None:
        frames, frame = frames + 1, frame.f_back
    yield from (nested(sys.getrecursionlimit() - frames - room) for room in range(5, 50))


ODD = {
    "deep": nested(300),
    "deeper than the stack": nested(sys.getrecursionlimit() * 2),
    "digits": b"1" * 5_000,
    "digits below zero": b"[-%s, 1e5, %s.5]" % (b"1" * 5_000, b"1" * 5_000),
}


@pytest.mark.parametrize("odd", [*ODD, "nearly too deep"])
@pytest.mark.parametrize("chain", [DOCUMENT, LINES], ids=["document", "lines"])
def test_an_event_beside_one_that_python_cannot_hold_has_its_message_and_entities(chain: list[str], odd: str) -> None:
    for value in [ODD[odd]] if odd in ODD else nearly_too_deep():
        asked: list[Any] = []

        def ask(meta: MetaData, _event: Any, asked: list[Any] = asked) -> None:
            # From more frames than the loop had when it decoded the text.
            asked.append((meta.seq, *beneath(30, lambda: (meta.message, meta.entities.addresses))))

        outcome, bad = run(chain, [*[call()] * 40, holding(value), *[call()] * 40], ask)
        assert [each[1:] for each in asked] == [(MESSAGE, ADDRESSES)] * len(asked)
        assert outcome.records == 81
        assert [seq for seq, _ in bad] in ([], [41]), "a text deeper than the stack is refused"
        assert all("levels deep" in reason for _, reason in bad)
        assert len(asked) == 81 - len(bad)


@pytest.mark.parametrize("chain", [DOCUMENT, LINES], ids=["document", "lines"])
def test_an_event_refused_beside_a_deep_one_is_read_again_from_its_own_text(chain: list[str]) -> None:
    for deep in nearly_too_deep():
        texts = [*[call()] * 40, holding(deep), call(eventName="refused"), *[call()] * 40]
        outcome, bad = run(chain, texts, lambda _meta, _event: None, Refusing)
        assert bad[-1] == (42, "the event is no Refusing of Handler: it is refused")
        assert [seq for seq, _ in bad] in ([42], [41, 42])
        assert outcome.delivered == 82 - len(bad)


def test_a_text_asked_for_is_that_of_a_dict_without_what_python_cannot_hold() -> None:
    got: list[MetaData] = []
    run(LINES, [call(), holding(nested(900))], lambda meta, _event: got.append(meta))
    assert [isinstance(meta, LateMetaData) for meta in got] == [True, True]
    again = pickle.loads(pickle.dumps(got[1]))
    assert (again.message, again.entities.addresses) == (MESSAGE, ADDRESSES)
    assert again._event == {**CALL, "n": 0, "other": again._event["other"]}


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda meta: pickle.loads(pickle.dumps(meta))])
@pytest.mark.parametrize("declared", [Call, None], ids=["typed", "dict"])
def test_a_copy_of_a_meta_has_what_the_handler_set(copied: Callable[[MetaData], MetaData], declared: Any) -> None:
    copies: list[MetaData] = []

    def change(meta: MetaData, _event: Any) -> None:
        meta.header, meta.message, meta.tag = {"host": "h"}, "set", "mine"
        copies.append(copied(meta))

    run(LINES, [call()] * 3, change, declared)
    assert [(each.header, each.message, each.tag) for each in copies] == [({"host": "h"}, "set", "mine")] * 3


# ---- what metas keep


def bytes_within(held: object) -> int:
    """The bytes of all texts that something keeps from being freed."""
    seen, left, size = set[int](), [held], 0
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | FunctionType):
            continue
        seen.add(id(each))
        size += len(each) if isinstance(each, bytes) else 0
        left += gc.get_referents(each)
    return size


@pytest.mark.parametrize("every", [1, 100])
@pytest.mark.parametrize("chain", [DOCUMENT, LINES], ids=["document", "lines"])
def test_metas_that_a_handler_keeps_do_not_keep_the_texts_of_other_events(chain: list[str], every: int) -> None:
    texts = [call(number, more="y" * 2_000) for number in range(6_000)]
    kept: list[MetaData] = []

    def keep(meta: MetaData, _event: Any) -> None:
        if meta.seq % every == 0:
            kept.append(meta)

    run(chain, texts, keep)
    theirs = sum(len(texts[meta.seq - 1]) for meta in kept)
    recent = 20 * (96 << 10)  # the last runs of the object
    assert len(kept) == 6_000 // every
    assert bytes_within(kept) < 1.1 * theirs + recent
    assert bytes_within(kept) > 0.9 * theirs
    assert {(meta.message, meta.entities.addresses) for meta in kept} == {(MESSAGE, ADDRESSES)}
    assert [pickle.loads(pickle.dumps(meta))._event["n"] for meta in kept[::20]] == [m.seq - 1 for m in kept[::20]]
    assert bytes_within(kept) < 1.1 * theirs + 2 * recent, "also when they have been asked"


class Marked:
    """An object of which a test can see whether it was freed."""


class WithTags(Call):
    tags: list[Any] = []
    more: dict[str, Any] = {}


class WithOwner(Call):
    owner: Owner | None = None


class Owner(Struct):
    names: list[str]


@pytest.mark.parametrize("declared", [WithTags, WithOwner])
@pytest.mark.parametrize("chain", [DOCUMENT, LINES], ids=["document", "lines"])
def test_metas_that_a_handler_puts_into_their_own_events_are_freed(chain: list[str], declared: type[Struct]) -> None:
    marks = list[ref[Marked]]()

    def tie(meta: MetaData, event: Any) -> None:
        marks.append(ref(mark := Marked()))
        if isinstance(event, WithTags):
            event.tags.append(mark)
            (event.tags if meta.seq % 2 else event.more.setdefault("metas", [])).append(meta)
            event.more["tags"] = event.tags
        else:
            event.owner.names += [meta, mark]

    run(chain, [call(number, tags=["a"], more={"a": "b"}, owner={"names": []}) for number in range(100)], tie, declared)
    gc.collect()
    assert len(marks) == 100
    assert not any(mark() for mark in marks)


def test_metas_of_a_batch_do_not_let_a_run_be_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch frees its metas: to take its runs apart before would cost as much as to decode them."""
    taken_apart: list[bytes] = []

    def taken(raw: bytes) -> list[bytes]:
        taken_apart.append(raw)
        return texts_of_objects(raw)

    monkeypatch.setattr("slips.parsing.late.texts_of_objects", taken)
    batch: list[Any] = []

    def collect(meta: MetaData, event: Any) -> None:
        batch.append((meta, event))
        if len(batch) == 2_000:
            batch.clear()

    run(DOCUMENT, [call(number, more="y" * 2_000) for number in range(6_000)], collect)
    assert len(taken_apart) < 5


# ---- texts


class Counted(list[Any]):
    """A list that knows how often it was gone through."""

    passes = 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        return super().__iter__()


def test_the_text_of_each_record_of_a_run_is_looked_up_not_searched() -> None:
    """With a prefilter, or where all are bad, each text is asked for; a hostile run has ten thousand records."""
    text = JsonRuns(io.BytesIO(b"[%s]" % b",".join(b'{"a": %d}' % n for n in range(500))), RecordLimits(), 1 << 15)
    text.find_document()
    for run_ in text.runs([]):
        records = Counted(run_)
        text.set_run(records)
        assert [text.raw_of(each) for each in list(records)] == [b'{"a": %d}' % each["a"] for each in list(records)]
        assert records.passes <= 4


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('{}[]",:\\é', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}[]"\\a', max_size=3), inner, max_size=3),
)


@given(st.lists(st.dictionaries(st.text("a{}", max_size=2), json_values, max_size=3)), st.sampled_from([None, 1]))
def test_the_texts_of_objects_are_found_without_recursion(objects: list[Any], indent: int | None) -> None:
    raw = json.dumps(objects, indent=indent).encode()
    deep = (
        json.dumps([*objects, {"deep": 0}], indent=indent).encode().replace(b'"deep": 0', b'"deep": ' + nested(5_000))
    )
    expected = [json.dumps(each, indent=indent) for each in objects]
    for text in (raw, deep):
        found = texts_of_objects(text)
        assert [json.loads(each) for each in found[: len(objects)]] == [json.loads(each) for each in expected]
    assert json.loads(texts_of_objects(deep)[-1].replace(nested(5_000), b"0")) == {"deep": 0}


def without_deep(value: Any, most: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if not most:
        return None
    if isinstance(value, list):
        return [without_deep(each, most - 1) for each in value]
    return {key: without_deep(each, most - 1) for key, each in value.items()}


@given(json_values, st.integers(0, 4))
def test_a_bearable_text_has_null_in_place_of_what_is_deeper(value: Any, most: int) -> None:
    assert json.loads(bearable(json.dumps(value).encode(), most)) == without_deep(value, most)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[%d]", [None]),
        ('{"a": -%d, "b": 1}', {"a": None, "b": 1}),
        ("[%d.5, 1]", [float("inf"), 1]),
        ("[0.%d, 1]", [1 / 9, 1]),
        ("[%de1, 1]", [float("inf"), 1]),
        ("[1e-%d]", [0.0]),
        ('["%d"]', ["1" * 5_000]),
        ('["\\\\", "\\"%d", 1]', ["\\", '"' + "1" * 5_000, 1]),
    ],
)
def test_a_bearable_text_has_null_in_place_of_a_whole_number_of_too_many_digits(text: str, expected: Any) -> None:
    raw = text.replace("%d", "1" * 5_000).encode()
    assert json.loads(bearable(raw, 9)) == expected


class Odd(Struct):
    arn: str

    def __post_init__(self) -> None:
        if self.arn == "odd":
            raise KeyError(self.arn)


class WithOdd(Struct):
    eventName: str
    userIdentity: Odd


@pytest.mark.parametrize(
    ("chain", "bad"),
    [
        (DOCUMENT, call(userIdentity={"arn": "odd"})),
        (LINES, call(userIdentity={"arn": "odd"})),
        (LINES, call(userIdentity={"arn": "odd"}) + call()),
    ],
    ids=["document", "lines", "two documents on a line"],
)
def test_whatever_a_struct_in_an_event_raises_is_of_its_record_alone(chain: list[str], bad: bytes) -> None:
    texts = [*[call()] * 40, bad, *[call()] * 40]
    outcome, quarantined = run(chain, texts, lambda _meta, _event: None, WithOdd)
    assert quarantined == [(41, "'odd'")]
    assert outcome.delivered == 80 + bad.count(b"}{")
