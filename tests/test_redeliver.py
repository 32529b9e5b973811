"""Promises of drain for what nobody could deliver: each event to its lane once, a message goes when all of it went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from fakes import (
    STREAMS,
    FakeSite,
    Ledger,
    Objects,
    Queue,
    Shard,
    Streams,
    Witness,
    config_of,
    object_event,
    processor_of,
)
from slips.config import Route
from slips.envelope.lane import encode
from slips.errors import GoneError, SlipsError, StreamError
from slips.interface import Handler
from slips.model import ObjectEvent, Outcome
from slips.parsing.run import Ticker
from slips.pipeline.invocation import run_batch
from slips.pipeline.replay import with_key_of_today
from slips.pipeline.undelivered import Redelivered, redeliver, unreadable

EVENTS = Path(__file__).parent / "events"
A, B = object_event("a"), object_event("b", "slow")


class Scene:
    """What a drain of undelivered messages works on."""

    def __init__(self, *texts: str) -> None:
        self.queue, self.stream, self.ledger = Queue(*texts), Streams(), Ledger()
        self.shard: Sequence[bytes | Exception] = ()
        self.routing: list[Route] = []

    @property
    def site(self) -> FakeSite:
        return FakeSite(
            config=config_of(routing=self.routing),
            stream=self.stream,
            ledger=self.ledger,
            streams=STREAMS,
            read_back=Shard(self.shard),
        )

    def drain(self) -> list[Redelivered]:
        return list(redeliver(self.queue, self.site))


def lost(*events: ObjectEvent) -> str:
    """An on-failure record of the main func."""
    payload: Any = [event.to_dict() for event in events]
    record = {"requestContext": {"requestId": "r", "condition": "RetriesExhausted"}, "requestPayload": payload}
    return msgspec.json.encode(record).decode()


def file(name: str) -> str:
    return (EVENTS / name).read_text()


def test_the_events_of_a_message_go_back_on_their_lanes_and_the_message_goes() -> None:
    scene = Scene(lost(A, B))
    assert scene.drain() == [Redelivered(2, "")]
    assert {lane: [event.object_key for event in events] for lane, events in scene.stream.lanes.items()} == {
        "fast": ["a"],
        "slow": ["b"],
    }
    assert scene.queue.texts == {}


def test_events_that_went_back_wait_on_their_lane_to_the_ledger() -> None:
    scene = Scene(lost(A, B))
    scene.ledger.claim(A, "the invocation that died")
    scene.drain()
    assert [scene.ledger.status(each) for each in (scene.stream.lanes["fast"] + scene.stream.lanes["slow"])] == [
        "waiting"
    ] * 2
    assert scene.ledger.status(A) == "claimed"


def test_settled_events_are_not_sent_again() -> None:
    events = [object_event(key) for key in ("done", "part", "dropped", "failed", "claimed", "new")]
    scene = Scene(lost(*events))
    scene.ledger.finish(events[0], Outcome())
    scene.ledger.finish(events[1], Outcome(), "part")
    scene.ledger.drop(events[2])
    scene.ledger.fail(events[3], Outcome(), "r1")
    scene.ledger.claim(events[4], "the invocation that died")
    assert scene.drain() == [Redelivered(2, "")]
    assert scene.stream.keys == ["claimed", "new"]
    for event in scene.stream.lanes["fast"]:
        assert scene.ledger.claim(event, "r2") == "new"


def test_several_messages_of_one_event_are_one_replay() -> None:
    scene = Scene(lost(A), lost(A, B))
    assert [each.events for each in scene.drain()] == [1, 2]
    replays = {event.replay for event in scene.stream.lanes["fast"]}
    assert len(replays) == 1
    assert scene.stream.lanes["slow"][0].replay not in replays


def test_an_unreadable_part_stays_and_the_good_events_beside_are_sent_once() -> None:
    good = [A.to_dict(), {"odd": 1}]
    scene = Scene(msgspec.json.encode({"requestContext": {}, "requestPayload": good}).decode())
    (first,) = scene.drain()
    assert (first.events, "undelivered message stays: " in first.note) == (1, True)
    scene.ledger.finish(scene.stream.lanes["fast"][0], Outcome())
    (second,) = scene.drain()
    assert second.events == 0
    assert scene.queue.texts


@pytest.mark.parametrize(("error", "listed"), [(GoneError("gone", []), True), (StreamError("throttled", []), False)])
def test_only_what_is_gone_for_good_counts_as_unreadable(error: StreamError, listed: bool) -> None:
    scene = Scene(file("on-failure-stream.json"))
    scene.shard = [error]
    found = list(unreadable(scene.queue, read_back=Shard(scene.shard), ledger=scene.ledger))
    assert bool(found) is listed


def test_an_event_without_a_lane_takes_the_one_of_routing() -> None:
    scene = Scene(file("undelivered-redrive.json"))
    scene.routing = [Route(prefix="azure/", dest="slow")]
    assert scene.drain() == [Redelivered(1, "")]
    (event,) = scene.stream.lanes["slow"]
    assert (event.lane, event.dest_stream) == ("slow", STREAMS["slow"])
    assert event.object_key == "azure/2018-03-29/a b+c=é.json.gz"


def test_an_event_that_routing_drops_is_written_to_the_ledger() -> None:
    scene = Scene(file("undelivered-redrive.json"))
    scene.routing = [Route(dest="drop")]
    assert scene.drain() == [Redelivered(1, "")]
    assert (scene.stream.keys, [entry.status for entry in scene.ledger.scan()]) == ([], ["dropped"])
    assert scene.queue.texts == {}


@pytest.mark.parametrize("name", ["undelivered-redrive.json", "undelivered-reporter.json"])
def test_each_shape_that_comes_there_is_understood(name: str) -> None:
    scene = Scene(file(name))
    (done,) = scene.drain()
    assert (done.events > 0, done.note, scene.queue.texts) == (True, "", {})
    assert scene.stream.keys


def test_a_message_that_cannot_be_read_stays_with_a_note_and_hides_no_other() -> None:
    scene = Scene("no JSON", lost(A), '{"hello": 1}')
    first, second, third = scene.drain()
    assert (second, scene.stream.keys) == (Redelivered(1, ""), ["a"])
    assert first.note.startswith("undelivered message stays: ")
    assert third.note.startswith("undelivered message stays: ")
    assert list(scene.queue.texts.values()) == ["no JSON", '{"hello": 1}']


def test_a_message_that_cannot_be_read_is_told_by_its_queue_and_how_it_begins() -> None:
    body = "\x1b[31mnonsense " * 1000
    kept = {"messageId": "m", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:1:logs", "body": body}
    scene = Scene(msgspec.json.encode({"Records": [kept]}).decode(), "short")
    notes = [each.note for each in scene.drain()]
    assert notes[0].endswith(f" (from arn:aws:sqs:us-east-1:1:logs; begins {body[:60]!r}…)")
    assert "\x1b" not in notes[0]
    assert notes[1].endswith(" (begins 'short')")
    found = unreadable(scene.queue, read_back=Shard(scene.shard), ledger=scene.ledger)
    assert [f"undelivered message stays: {each.why}" for each in found] == notes


def test_messages_that_stay_can_be_received_again_at_once() -> None:
    scene = Scene("no JSON", lost(A), '{"hello": 1}')
    scene.drain()
    assert scene.queue.released == ["receipt 0", "receipt 2"]


def test_messages_not_shown_as_unreadable_can_be_received_again_at_once() -> None:
    scene = Scene("no JSON", lost(A))
    list(unreadable(scene.queue, read_back=Shard(scene.shard), ledger=scene.ledger))
    assert scene.queue.released == ["receipt 1"]


def test_a_lane_that_refuses_keeps_the_message() -> None:
    scene = Scene(lost(A, B))
    scene.stream.faults["put b"] = 1
    with pytest.raises(StreamError):
        scene.drain()
    assert len(scene.queue.texts) == 1
    scene.drain()
    assert (sorted(set(scene.stream.keys)), scene.queue.texts) == (["a", "b"], {})


# ---- batches that a stream mapping gave up on


def batch() -> str:
    payload: Any = msgspec.json.decode(file("on-failure-stream.json"))
    return str(payload["Records"][0]["Sns"]["Message"])


def test_events_of_a_batch_are_read_back_and_put_again() -> None:
    scene = Scene(batch())
    scene.shard = [encode(A), encode(B)]
    assert scene.drain() == [Redelivered(2, "")]
    assert (scene.stream.keys, scene.queue.texts) == (["a", "b"], {})


def test_the_remaining_records_of_a_batch_are_sent_once_and_its_message_stays() -> None:
    scene = Scene(batch())
    scene.shard = [encode(A), StreamError("1 of 2 records is gone", [])]
    (done,) = scene.drain()
    assert done == Redelivered(1, "undelivered message stays: 1 of 2 records is gone")
    (sent,) = scene.stream.lanes["fast"]
    scene.ledger.fail(sent, Outcome(), "r9")
    (done,) = scene.drain()
    assert (done.events, scene.stream.keys, len(scene.queue.texts)) == (0, ["a"], 1)


# ---- a drain that dies


class Count(Handler):
    """How often each object was processed, in this test."""

    runs: list[str]

    def recv(self, meta: Any, event: Any) -> None:
        self.runs.append(meta.source.object_key)


def run_all(scene: Scene) -> None:
    """Runs each event of the fast lane in an invocation of its own."""
    for number, event in enumerate(scene.stream.lanes["fast"]):
        run_batch(
            [event],
            f"r{number}",
            scene.site,
            processor=processor_of(Objects(a=b"line\n"), Count),
            deadline=Ticker(),
            observer=Witness(),
        )


def test_an_event_put_by_a_drain_that_died_before_deleting_the_message_runs_once() -> None:
    Count.runs = []
    scene = Scene(lost(A))
    scene.ledger.claim(A, "the invocation that died")
    scene.queue.refuses = True
    with pytest.raises(SlipsError):
        scene.drain()
    scene.queue.refuses = False
    scene.drain()
    assert scene.stream.keys == ["a", "a"]
    run_all(scene)
    assert Count.runs == ["a"]
    assert scene.ledger.status(A) == "done"


def test_the_same_content_that_was_put_twice_while_nothing_could_run_is_run_once() -> None:
    Count.runs = []
    twice = replace(A, event_time="2030-01-01T00:00:00.000Z", object_sequencer="0055AED6DCD90281E6")
    scene = Scene(lost(A), lost(twice))
    scene.drain()
    assert scene.stream.keys == ["a", "a"]
    run_all(scene)
    assert Count.runs == ["a"]


def test_two_contents_of_a_key_are_two_replays() -> None:
    scene = Scene(lost(A), lost(replace(A, object_etag="0" * 32, object_version_id=None)))
    scene.drain()
    assert len({event.replay for event in scene.stream.lanes["fast"]}) == 2


def test_a_key_that_the_event_pusher_could_not_send_is_never_unquoted() -> None:
    stored = object_event("a+b", None)
    store = Objects(**{"a b": b"", "a+b": b""})
    assert with_key_of_today(stored, store) == stored
    assert with_key_of_today(replace(stored, dest_stream="prod-EventFastStream-1"), store).object_key == "a b"
