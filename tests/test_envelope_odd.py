"""Envelopes of any shape: events come out, or a problem that says what was expected."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import count, product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelopes import CREATED, EVENTS, SECOND, aws, on_lane
from fakes import Errors, FakeSite, Queue, Streams
from slips.envelope.arrivals import messages
from slips.envelope.lane import arguments, decode, encode, lane_records
from slips.envelope.lost import unwrap
from slips.envelope.object_event import LARGEST
from slips.errors import EnvelopeError
from slips.pipeline.report import report_lost
from slips.pipeline.undelivered import redeliver

pytestmark = pytest.mark.smoke

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63)
    | st.floats()
    | st.text(st.characters(), max_size=8)  # lone surrogates too: `json.loads` lets them in
    | st.sampled_from(["null", "%ff", "[[[", "{}", "-1", "9" * 30, "2018-03-29T16:35:15.768Z"])
    | st.lists(st.none() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=3)
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below `value`."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in items] + [place for _, below in items for place in places(below)]


def opened(value: Any) -> Any:
    """`value` with the JSON texts in it decoded, so that what they hold is changed too."""
    if isinstance(value, dict):
        return {name: opened(below) for name, below in value.items()}
    if isinstance(value, list):
        return [opened(below) for below in value]
    return opened(json.loads(value)) if isinstance(value, str) and value[:1] in "{[" and value else value


def closed(value: Any) -> Any:
    """`opened`, undone: what is delivered is a text again."""
    if isinstance(value, list):
        return [closed(below) for below in value]
    if not isinstance(value, dict):
        return value
    return {
        name: json.dumps(closed(below))
        if name in ("Message", "body", "Body") and isinstance(below, dict | list)
        else closed(below)
        for name, below in value.items()
    }


def test_a_payload_opened_for_mutation_closes_to_the_same_events() -> None:
    for text in EVENTS.values():
        payload = json.loads(text)
        assert opened(closed(opened(payload))) == opened(payload)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(EVENTS)))
def test_a_mutated_envelope_gives_events_or_tells_a_problem(data: st.DataObject, name: str) -> None:
    payload = opened(aws(name))
    for _ in range(data.draw(st.integers(1, 3))):
        if not (found := places(payload)):
            break
        container, key = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()):
            container[key] = data.draw(ODD)
        else:
            del container[key]
    payload = closed(payload)
    for message in messages(payload):
        message.problem.encode()
        for event in message.events:
            assert decode(encode(event)) == event
    for reading in (unwrap, lane_records, arguments):
        with suppress(EnvelopeError):
            reading(payload)


def halved(value: Any, at: int, half: str) -> Any:
    """`value` with `half` a character put into the text number `at` in it: keys, values, JSON in texts."""
    texts = count(0)

    def cut(text: str) -> str:
        return text[:3] + half + text[3:] if next(texts) == at else text

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {cut(name): walk(below) for name, below in value.items()}
        if isinstance(value, list):
            return [walk(below) for below in value]
        return cut(value) if isinstance(value, str) else value

    return walk(value)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_half_a_character_anywhere_gives_what_can_be_stored_or_tells_a_problem(name: str) -> None:
    for at, half, shut in product(range(60), ("\ud800", "\udc80"), (False, True)):
        payload = halved(aws(name), at, half) if shut else closed(halved(opened(aws(name)), at, half))
        for message in messages(payload):
            msgspec.json.encode(message)
        for reading in (lane_records, arguments):
            try:
                msgspec.json.encode(reading(payload))
            except EnvelopeError as error:
                str(error).encode()
        errors, stream = Errors(), Streams()
        site = FakeSite(errors=errors, stream=stream)
        try:
            found = unwrap(payload)
            msgspec.json.encode(found.batches)
            report_lost(found, site)
        except EnvelopeError as error:
            str(error).encode()
        for each in redeliver(Queue(json.dumps(payload)), site):
            each.note.encode()
        msgspec.json.encode([list(errors.items.values()), stream.lanes])


@pytest.mark.slow
@settings(deadline=None)
@given(payload=st.recursive(ODD, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=8))
def test_any_json_gives_events_or_tells_a_problem(payload: Any) -> None:
    for message in messages(payload):
        assert not message.events
    for reading in (unwrap, lane_records):
        with pytest.raises(EnvelopeError):
            reading(payload)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_main_func_reads_the_event_that_a_dispatcher_sends_of_any_record(data: st.DataObject) -> None:
    members = list({**SECOND.to_dict(), "records": [[1, 2]]}.items())
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([name for name, _ in members]) | st.text(max_size=3))
        members.insert(data.draw(st.integers(0, len(members))), (name, data.draw(ODD)))  # twice, perhaps
    text = ", ".join(f"{json.dumps(name)}:\n{json.dumps(value)}" for name, value in members)
    [record] = lane_records(on_lane(f"{{{text}}}".encode()))
    assert bool(record.data) != bool(record.problem)
    if record.data:
        assert arguments(json.loads(b"[%b,%b]" % (record.data, encode(CREATED)))) == [decode(record.data), CREATED]
        assert decode(record.data) == decode(f"{{{text}}}".encode())


@given(data=st.binary())
def test_any_data_of_a_record_is_an_event_or_an_error(data: bytes) -> None:
    with pytest.raises(EnvelopeError, match="expected"):
        decode(data)


@pytest.mark.parametrize("size", [-1, LARGEST + 1, 2**70])
def test_an_object_whose_size_cannot_be_is_told_and_the_others_of_its_message_arrive(size: int) -> None:
    """Sums of sizes are kept in columns of 64 bits: one of such a size would end the service."""
    records = [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": each}}}
        for key, each in (("bad", size), ("good", LARGEST), ("empty", 0))
    ]
    (message,) = messages({"Records": [{"messageId": "1", "body": json.dumps({"Records": records})}]})
    assert [event.object_key for event in message.events] == ["good", "empty"]
    assert message.problem.startswith("Records[0].body: Records[0]: the size is below 0, or beyond 1,125,")
