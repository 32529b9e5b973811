"""The generated loop of a chain: it makes of any object what the chain's functions make of its records, one by one."""

from __future__ import annotations

import io
import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chains
from slips.errors import HandlerError
from slips.format import Bad, Event, RecordLimits, Rule, parser, reader
from slips.formats import catalogue
from slips.model import MetaData, Outcome
from slips.parsing import Json, any_of, moment
from slips.parsing.generated import make_function
from slips.parsing.readers.binary import binary_kind
from slips.parsing.run import Chain, Ticker
from slips.parsing.stages import Several, Streamed, normalized

NOISE = Rule("noise", "events of kind noise", when={"kind": "noise"})
ODD = Rule("odd", "events that `refine` filters")
LIMITS = RecordLimits(bytes=400, values=60, depth=20)


def refine(meta: MetaData, event: Event) -> Any:
    """Return what the event asks for."""
    match event.get("kind"):
        case "filtered":
            return ODD
        case "several":
            return [{**event, "n": 1}, {**event, "n": 2}]
        case "none":
            return None
        case "time":
            meta.timestamp = 7.0
        case "number":
            return 1
    return event


@parser("spread", summary="", reference="")
def spread(meta: MetaData, event: Event) -> Any:
    """Make an event of each part."""
    meta.message = f"{meta.message} of {meta.tag}"
    parts = event.get("parts")
    return [{"part": part} for part in parts] if isinstance(parts, list) else event


@parser("words", summary="", reference="", takes="text")
def words(meta: MetaData, text: str) -> Any:
    meta.tag, meta.message = "words", text
    return {"message": text, "kind": text[:5]}


@reader("spoilt", summary="", reference="")
def spoilt(stream: io.BufferedReader, _record_bytes: int, _parameter: str) -> Any:
    """Yield lines, but the third is bad, the reader filters the fourth, and the fifth is no plain bytes."""
    for number, line in enumerate(stream, 1):
        match number:
            case 3:
                yield Bad(len(line), line, "the third")
            case 4:
                yield NOISE
            case 5:
                yield bytearray(line)
            case _:
                yield line


PLAIN = Json(
    "plain",
    "plain",
    tag="plain.{kind|'none'}",
    time=moment("t"),
    message="{kind} at {a.b}",
    require=any_of("kind", "t"),
)
RULED = Json("ruled", "ruled", tag="ruled", message="{kind}", adds="text", rules=(NOISE,))
REFINED = Json("refined", "refined", time=moment("t"), message="{kind}", rules=(ODD, NOISE), refine=refine)
FORMATS = {
    each.name: each
    for each in (*(catalogue()[name] for name in ("s3-lines", "json", "json-records")), spoilt, words, spread)
} | {each.name: each for each in (PLAIN, RULED, REFINED)}
CHAINS = [
    "s3-lines",
    "s3-lines json",
    "s3-lines json plain",
    "s3-lines json ruled plain",
    "s3-lines json refined",
    "s3-lines json refined spread",
    "s3-lines json plain spread ruled",
    "s3-lines json spread plain",
    "s3-lines words",
    "s3-lines words plain",
    "s3-lines words json",
    "spoilt json ruled",
    "spoilt words",
    "json-records",
    "json-records plain",
    "json-records ruled refined",
    "json-records spread",
]

KINDS = st.sampled_from(["noise", "filtered", "several", "none", "time", "number", "other", None])
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=40,
)
EVENTS = st.fixed_dictionaries(
    {}, optional={"kind": KINDS, "t": st.sampled_from([5, "2018-06-11", "late", ""]), "a": VALUES, "parts": VALUES}
)
TEXTS = EVENTS | st.lists(EVENTS, max_size=3) | VALUES


def chain_of(names: str) -> Chain:
    first, *rest = [FORMATS[name] for name in names.split()]
    return Chain(names.split(), first, "Records" if first.name == "json-records" else "", rest, LIMITS)


def seen_by_loop(chain: Chain, content: bytes, skip: bool = False) -> tuple[list[Any], Outcome]:
    """What the loop makes of each record: events with meta, or the reason why it is bad."""
    seen: list[Any] = []
    outcome = Outcome()
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
    chain.run(
        stream,
        outcome,
        source=chains.OBJECT,
        recv=lambda meta, event: seen.append((meta.seq, repr(event), repr(meta.to_dict()), meta.index)),
        reject=lambda seq, _record, error: seen.append((seq, type(error), str(error))),
        ticker=Ticker(),
        skip=skip,
    )
    assert outcome.balanced
    return seen, outcome


def seen_one_by_one(chain: Chain, content: bytes) -> tuple[list[Any], dict[str, int], list[float]]:
    """What the functions of a chain make of each record, the records that rules filter, and the times of all events."""
    seen: list[Any] = []
    times: list[float] = []
    rules: dict[str, int] = {}
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
    for seq, record in enumerate(chain.records(stream), 1):
        meta = MetaData("", chains.OBJECT.timestamp, chains.OBJECT, None, seq)
        try:
            if isinstance(record, Bad):
                raise record.error()
            made = record if isinstance(record, Rule) else normalized(meta, chain.parse(meta, record))
            made = made.checked() if isinstance(made, Streamed) else made
        except Exception as error:  # noqa: BLE001 - parsers raise anything
            seen.append((seq, type(error), str(error)))
            continue
        if isinstance(made, Rule):
            rules[made.name] = rules.get(made.name, 0) + 1
            continue
        events = made if isinstance(made, Several | Streamed) else [(meta, made)]
        times += [each.timestamp for each, _ in events]
        seen += [(each.seq, repr(event), repr(each.to_dict()), each.index) for each, event in events]
    return seen, rules, times


@pytest.mark.parametrize("names", CHAINS)
@settings(max_examples=settings().max_examples // 3)  # of 17 chains, which share most of the code
@given(texts=st.lists(TEXTS.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40), max_size=6))
def test_a_loop_makes_of_records_what_the_functions_make_of_each(names: str, texts: list[bytes]) -> None:
    chain = chain_of(names)
    if names.startswith("json-records"):
        content = b'{"Records": [%s]}' % b", ".join(text for text in texts if is_json(text))
    else:
        content = b"\n".join(texts)
    assume(binary_kind(content) is None)  # an image, an archive: no reader of text takes it
    seen, outcome = seen_by_loop(chain, content)
    expected, rules, times = seen_one_by_one(chain, content)
    assert (seen, outcome.rules) == (expected, rules)
    first_and_last = (min(times), max(times)) if times else (None, None)
    assert (outcome.first_timestamp, outcome.last_timestamp) == first_and_last


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_the_statements_of_declared_formats_stand_in_the_loop_and_functions_are_called() -> None:
    inlined = {names: chain_of(names).loop.inlined for names in CHAINS}
    assert inlined["s3-lines json ruled plain"] == 3
    assert inlined["s3-lines json plain spread ruled"] == 2
    assert inlined["s3-lines words"] == 0
    assert "event = parse(meta, value)" not in chain_of("s3-lines json plain").loop.source
    assert "event = parse(meta, value)" in chain_of("s3-lines words").loop.source


def test_several_events_of_several_are_numbered_across_their_record() -> None:
    """Their `record_id` differs by this number alone."""
    metas: list[MetaData] = []
    content = b'[{"parts": [1, 2]}, {"parts": 0}, {"parts": [3]}]\n'
    run_with(lambda meta, _event: metas.append(meta), chain_of("spoilt json spread"), content)
    assert [meta.index for meta in metas] == [0, 1, 2, 3]
    assert len({meta.record_id for meta in metas}) == 4


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_end_of_a_line_is_no_part_of_what_a_declaration_reads(end: bytes) -> None:
    lines = [b"Nov 21 06:00:24 host sshd[1]: first", b"Nov 21 06:00:25 host sshd[2]: last"]
    for content in (end.join(lines), end.join([*lines, b""])):
        seen = chains.run(["s3-lines", "syslog"], content)
        assert [event["message"] for _, event in seen.events] == ["first", "last"]


def test_skipped_records_count_under_their_rule() -> None:
    seen, outcome = seen_by_loop(
        chain_of("spoilt json ruled"), b'{"kind": 1}\n{"kind": "noise"}\n{}\n{}\n1\n', skip=True
    )
    assert (len(seen), outcome.filtered, outcome.rules) == (1, 4, {"on_error: skip": 2, "noise": 2})


def test_tracebacks_show_the_lines_of_the_loop() -> None:
    def recv(_meta: MetaData, _event: Event) -> None:
        raise ValueError

    with pytest.raises(HandlerError) as raised:
        run_with(recv, chain_of("s3-lines json plain"), b'{"kind": 1}\n')
    cause = raised.value.__cause__
    assert cause is not None
    shown = "".join(traceback.format_exception(cause))
    assert '<slips: s3-lines, json, plain>", line ' in shown
    assert "    returned = recv(meta, event)\n" in shown


def test_a_traceback_shows_the_lines_of_the_function_that_raised_though_another_has_its_name() -> None:
    def made(statement: str) -> Callable[[], None]:
        return make_function("line", "", ["pass", statement], {}, "one name")

    first, other, again = made("raise ValueError"), made("raise KeyError"), made("raise ValueError")
    assert first.__code__.co_filename == again.__code__.co_filename
    for function, error, line in ((first, ValueError, "raise ValueError"), (other, KeyError, "raise KeyError")):
        with pytest.raises(error) as raised:
            function()
        assert f"    {line}\n" in "".join(traceback.format_exception(raised.value))


def test_a_text_that_is_too_deep_for_the_first_decoder_changes_nothing_for_those_behind_it() -> None:
    deep: Any = {"kind": "deep", "a": 1}
    for _ in range(15):
        deep = {"kind": "deep", "a": deep}
    texts = [{"kind": "flat"}, deep, {"kind": "flat"}, deep]
    content = b"\n".join(json.dumps(each).encode() for each in texts)
    seen, _ = seen_by_loop(chain_of("s3-lines json plain"), content)
    assert [event for _, event, *_ in seen] == [repr(each) for each in texts]


def test_a_message_shows_the_event_as_it_was_parsed() -> None:
    """Handlers may change their event, and read the message afterwards."""
    messages: list[str | None] = []

    def recv(meta: MetaData, event: Event) -> None:
        event["kind"], event["a"]["b"][0] = "changed", "changed"
        messages.append(meta.message)

    run_with(recv, chain_of("s3-lines json plain"), b'{"kind": "door", "a": {"b": ["open"]}}\n')
    assert messages == ["door at open"]


def run_with(recv: Callable[[MetaData, Event], object], chain: Chain, content: bytes) -> Outcome:
    outcome = Outcome()
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
    chain.run(stream, outcome, source=chains.OBJECT, recv=recv, reject=lambda *_: None, ticker=Ticker())
    return outcome
