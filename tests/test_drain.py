"""Promises of drain: what goes back on a lane, on which, and what stays in the error table."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pytest
from msgspec.structs import asdict, replace

from fakes import FakeSite, Ledger, Queue, config_of
from slips import lambdas, telemetry
from slips.brakes import Pause
from slips.cli import drain as command
from slips.config import Route
from slips.envelope.lane import encode
from slips.errors import StorageError, StreamError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, Range
from slips.operations import Operations
from slips.pipeline.drain import DrainRequest
from slips.pipeline.replay import Replayed, replay
from slips.ports import StoredObject
from slips.site.function import LambdaSite

STREAMS: dict[Lane, str] = {"fast": "mine-EventFastStream-1", "slow": "mine-EventSlowStream-2"}


class Streams:
    """A Stream that remembers, and refuses some lanes."""

    def __init__(self) -> None:
        self.refuses: set[Lane] = set()
        self.sent: list[tuple[Lane, ObjectEvent]] = []

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        if lane in self.refuses:
            raise StreamError(f"lane {lane} is full", events)
        self.sent += [(lane, event) for event in events]

    @property
    def keys(self) -> list[str]:
        return [event.object_key for _, event in self.sent]


class Errors:
    """An ErrorTable in memory."""

    def __init__(self, *items: ErrorItem) -> None:
        self.items = {item.request_id: item for item in items}
        self.writes = 0

    def put(self, item: ErrorItem) -> None:
        self.writes += 1
        known = self.items.get(item.request_id)
        self.items[item.request_id] = replace(item, revision=known.revision + 1 if known else 1)

    def get(self, request_id: str) -> ErrorItem | None:
        return self.items.get(request_id)

    def scan(self) -> Iterator[ErrorItem]:
        return iter(sorted(self.items.values(), key=lambda item: item.failed_at))

    def delete(self, request_id: str, revision: int) -> bool:
        self.writes += 1
        found = request_id in self.items and self.items[request_id].revision == revision
        if found:
            del self.items[request_id]
        return found

    def discard(self, request_id: str) -> bool:
        return self.items.pop(request_id, None) is not None


class Objects:
    """An ObjectStore that knows which etag each key has."""

    def __init__(self, **etags: str) -> None:
        self.etags = etags

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        if event.object_key not in self.etags:
            raise StorageError(f"{event.url}: no such object")
        yield StoredObject(cast("BinaryIO", io.BytesIO()), self.etags[event.object_key], 0)

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Do nothing: the objects are at hand."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return iter(())


def event(key: str = "a", lane: Lane | None = "fast", **changes: Any) -> ObjectEvent:
    return ObjectEvent(bucket_name="my-logs", object_key=key, object_etag="e1", lane=lane, **changes)


def item(request_id: str, *events: ObjectEvent, **changes: Any) -> ErrorItem:
    return ErrorItem(request_id=request_id, events=list(events), error_type="ValueError", message="why", **changes)


def bad_records(*records: Range, **changes: Any) -> ErrorItem:
    one = event(records=list(records), reader="s3-lines/2", **changes)
    return item("r1", one, kind="records", records=list(records), stage="parse")


class Scene:
    """What a drain works on."""

    def __init__(self, *items: ErrorItem) -> None:
        self.errors, self.stream, self.store, self.ledger = Errors(*items), Streams(), Objects(a="e1"), Ledger()
        self.routing: list[Route] = []
        self.reader: str | None = "s3-lines"

    def iterate(self, items: Sequence[ErrorItem] | None = None, dry_run: bool = False) -> Iterator[Replayed]:
        config = config_of(self.reader or "s3-lines", routing=self.routing)
        if self.reader is None:
            config = replace(config, bucket_mapping={})
        site = FakeSite(
            config=config,
            errors=self.errors,
            store=self.store,
            stream=self.stream,
            ledger=self.ledger,
            streams=STREAMS,
        )
        for each in list(self.errors.scan()) if items is None else items:
            yield replay(each, site, dry_run=dry_run)

    def drain(self, dry_run: bool = False) -> list[Replayed]:
        return list(self.iterate(dry_run=dry_run))


def test_an_item_goes_back_on_its_lane_and_out_of_the_table() -> None:
    scene = Scene(item("r1", event(lane="slow", dest_stream="old")))
    (drained,) = scene.drain()
    ((lane, sent),) = scene.stream.sent
    assert (lane, drained.lanes, drained.notes) == ("slow", ["slow"], [])
    assert asdict(sent) == asdict(event(lane="slow", dest_stream=STREAMS["slow"], replay="r1@1"))
    assert scene.errors.items == {}


def test_an_item_that_names_no_object_stays_and_says_so() -> None:
    scene = Scene(item("r-gone"), item("r2", event()))
    gone, drained = scene.drain()
    assert (gone.lanes, gone.notes) == ([], ["r-gone: names no object, so that nothing can be replayed; it stays"])
    assert (drained.lanes, list(scene.errors.items)) == (["fast"], ["r-gone"])


def test_an_event_lost_before_routing_saw_it_is_dropped_where_a_rule_says_so() -> None:
    lost, failed = event("b", None), event("a", None, dest_stream="mine-EventFastStream-1")
    scene = Scene(item("r1", lost), item("r2", failed))
    scene.routing = [Route(dest="drop")]
    first, second = scene.drain()
    assert (first.lanes, first.notes) == ([], ["s3://my-logs/b: dropped by a routing rule"])
    assert second.lanes == ["fast"], "what was on a lane was not dropped then"
    assert scene.ledger.status(lost) == "dropped"
    assert scene.errors.items == {}


def test_an_item_of_several_events_is_sent_whole() -> None:
    scene = Scene(item("r1", event("a"), event("b", "slow"), event("c")))
    (drained,) = scene.drain()
    assert sorted(scene.stream.sent, key=lambda each: each[1].object_key) == [
        ("fast", event("a", "fast", dest_stream=STREAMS["fast"], replay="r1@1")),
        ("slow", event("b", "slow", dest_stream=STREAMS["slow"], replay="r1@1")),
        ("fast", event("c", "fast", dest_stream=STREAMS["fast"], replay="r1@1")),
    ]
    assert (drained.lanes, scene.errors.items) == (["fast", "slow", "fast"], {})


@pytest.mark.parametrize("refuses", LANES)
def test_an_item_stays_when_a_lane_refuses_any_of_it_and_so_do_all_after_it(refuses: Lane) -> None:
    items = [
        item("r1", event("before", "slow" if refuses == "fast" else "fast"), failed_at="1"),
        item("r2", event("a", "fast"), event("b", "slow"), failed_at="2"),
        item("r3", event("after", "fast"), failed_at="3"),
    ]
    scene = Scene(*items)
    scene.stream.refuses = {refuses}
    steps = scene.iterate()
    assert next(steps).item.request_id == "r1"
    with pytest.raises(StreamError):
        next(steps)
    assert sorted(scene.errors.items) == ["r2", "r3"]
    assert "after" not in scene.stream.keys
    scene.stream.refuses = set()
    scene.drain()
    assert scene.errors.items == {}
    assert {"before", "a", "b", "after"} == set(scene.stream.keys)


def test_only_the_revision_that_was_sent_is_deleted() -> None:
    seen = item("r1", event())
    scene = Scene(replace(seen, revision=2, message="it failed again meanwhile"))
    (drained,) = scene.iterate([seen])
    assert scene.stream.sent[0][1].replay == "r1@1"
    assert scene.errors.items["r1"].revision == 2
    assert "r1: changed meanwhile; the newer one stays" in drained.notes[0]


def test_each_item_is_gone_before_the_next_is_sent() -> None:
    scene = Scene(item("r1", event("a"), failed_at="1"), item("r2", event("b"), failed_at="2"))
    steps = scene.iterate()
    next(steps)
    assert (scene.stream.keys, list(scene.errors.items)) == (["a"], ["r2"])


@pytest.mark.parametrize(
    "stored",
    [item("r1", event("a+b", None)), bad_records((1, 1)), bad_records((1, 1), object_version_id="v1")],
    ids=["object", "records", "overwritten"],
)
def test_a_dry_run_says_the_same_and_changes_nothing(stored: ErrorItem) -> None:
    scene = Scene(stored)
    dry = scene.drain(dry_run=True)
    assert (scene.stream.sent, scene.errors.writes, scene.errors.items) == ([], 0, {"r1": stored})
    assert dry == scene.drain()


# ---- on which lane


@pytest.mark.parametrize(
    ("lane", "dest_stream", "expected"),
    [
        ("slow", "prod-EventFastStream-1ABC", "slow"),
        (None, "prod-EventSlowStream-1ABC", "slow"),
        (None, "prod-EventFastStream-1ABC", "fast"),
        (None, "EventSlow-EventFastStream-1ABC", "fast"),
        (None, "arn:aws:kinesis:ap-northeast-1:123456789012:stream/prod-EventSlowStream-1ABC", "slow"),
        (None, "somebody-elses-stream", "slow"),
        (None, "", "slow"),
    ],
)
def test_the_lane_is_the_items_own_else_that_of_its_stream_else_that_of_routing(
    lane: Lane | None, dest_stream: str, expected: Lane
) -> None:
    scene = Scene(item("r1", event(lane=lane, dest_stream=dest_stream)))
    scene.routing = [Route(prefix="a", dest="slow")]
    (drained,) = scene.drain()
    ((used, sent),) = scene.stream.sent
    assert (used, sent.lane, sent.dest_stream, drained.lanes) == (expected, expected, STREAMS[expected], [expected])


def test_an_item_that_routing_drops_today_is_still_replayed() -> None:
    scene = Scene(item("r1", event(lane=None, dest_stream="unknown")))
    scene.routing = [Route(dest="drop")]
    assert scene.drain()[0].lanes == ["fast"]


# ---- stored items of the original slips


@pytest.mark.parametrize(
    ("stored", "objects", "expected"),
    [
        ("logs/a+b%2Bc%3D1.gz", ["logs/a b+c=1.gz"], "logs/a b+c=1.gz"),
        ("logs/a+b%2Bc%3D1.gz", ["logs/a+b%2Bc%3D1.gz"], "logs/a+b%2Bc%3D1.gz"),
        ("logs/a+b%2Bc%3D1.gz", ["logs/a+b%2Bc%3D1.gz", "logs/a b+c=1.gz"], "logs/a b+c=1.gz"),
        ("logs/a+b%2Bc%3D1.gz", [], "logs/a+b%2Bc%3D1.gz"),
        ("logs/%E6%BC%A2.gz", ["logs/漢.gz"], "logs/漢.gz"),
        ("logs/plain.gz", [], "logs/plain.gz"),
    ],
)
def test_a_key_of_2018_is_tried_unquoted_then_as_stored(stored: str, objects: list[str], expected: str) -> None:
    scene = Scene(item("r1", event(stored, None, dest_stream="prod-EventSlowStream-1ABC")))
    scene.store = Objects(**dict.fromkeys(objects, "e1"))
    scene.drain()
    assert scene.stream.keys == [expected]


def test_a_key_of_today_is_never_unquoted() -> None:
    scene = Scene(item("r1", event("a+b%2B", "fast")))
    scene.store = Objects(**{"a b+": "e1", "a+b%2B": "e1"})
    scene.drain()
    assert scene.stream.keys == ["a+b%2B"]


# ---- quarantined records


def test_a_quarantine_goes_back_with_its_records_and_their_reader() -> None:
    scene = Scene(bad_records((2, 2), (5, None)))
    (drained,) = scene.drain()
    ((_, sent),) = scene.stream.sent
    assert (sent.records, sent.reader, sent.object_etag) == ([(2, 2), (5, None)], "s3-lines/2", "e1")
    assert (drained.notes, scene.errors.items) == ([], {})


def test_records_of_an_overwritten_object_stay_and_are_marked_once() -> None:
    scene = Scene(bad_records((2, 2)))
    scene.store = Objects(a="e2")
    for _ in range(3):
        (drained,) = scene.drain()
        assert (drained.lanes, scene.stream.sent) == ([], [])
        assert drained.notes[0].startswith("object overwritten: s3://my-logs/a has other content")
        stored = scene.errors.items["r1"]
        assert (stored.error_type, stored.stage, stored.revision) == ("OverwrittenError", "replay", 2)
        assert stored.message == drained.notes[0]
        assert stored.records == [(2, 2)]


def test_records_of_a_version_are_replayed_whatever_the_etag_is() -> None:
    class Versions(Objects):
        @contextmanager
        def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
            yield StoredObject(cast("BinaryIO", io.BytesIO()), "other", 0, event.object_version_id)

    scene = Scene(bad_records((2, 2), object_version_id="v1"))
    scene.store = Versions()
    assert scene.drain()[0].lanes == ["fast"]


def test_records_of_an_object_that_cannot_be_read_now_stay_as_they_are() -> None:
    scene = Scene(before := bad_records((2, 2)))
    scene.store = Objects()
    (drained,) = scene.drain()
    assert (drained.lanes, drained.notes) == ([], ["s3://my-logs/a: no such object"])
    assert (scene.stream.sent, scene.errors.items) == ([], {"r1": before})


def test_one_overwritten_object_keeps_its_whole_item_and_the_next_goes() -> None:
    records: dict[str, Any] = {"records": [(1, 1)], "reader": "s3-lines/2"}
    scene = Scene(
        item("r1", event("a", **records), event("b", **records), failed_at="1"), item("r2", event("c"), failed_at="2")
    )
    scene.store = Objects(a="e1", b="e2")
    first, second = scene.drain()
    assert (first.lanes, second.lanes, scene.stream.keys, list(scene.errors.items)) == ([], ["fast"], ["c"], ["r1"])


def test_records_are_replayed_as_the_whole_object_where_another_reader_counts_now() -> None:
    scene = Scene(bad_records((2, 2)))
    scene.reader = "s3-text"
    (drained,) = scene.drain()
    ((_, sent),) = scene.stream.sent
    assert (sent.records, sent.reader) == (None, None)
    assert drained.notes == [
        "s3://my-logs/a: was cut by 's3-lines/2', now by 's3-text': replayed whole, not just its records"
    ]
    assert scene.errors.items == {}


def test_records_of_an_overwritten_object_stay_where_another_reader_counts_now() -> None:
    scene = Scene(bad_records((2, 2)))
    scene.reader, scene.store = "s3-text", Objects(a="e2")
    (drained,) = scene.drain()
    assert (drained.lanes, scene.stream.sent) == ([], [])
    assert [note.partition(":")[0] for note in drained.notes] == ["object overwritten"]
    assert (scene.errors.items["r1"].error_type, scene.errors.items["r1"].records) == ("OverwrittenError", [(2, 2)])


@pytest.mark.parametrize(("chain", "former"), [("s3-lines", "s3-lines"), ("csv:tab", "csv:tab"), ("csv", "csv:,")])
def test_records_that_a_reader_numbered_before_it_changed_are_replayed_as_the_whole_object(
    chain: str, former: str
) -> None:
    records: dict[str, Any] = {"records": [(2, 2)], "reader": former}
    scene = Scene(item("r1", event("a", **records)))
    scene.reader = chain
    scene.store = Objects(a="e2")
    (kept,) = scene.drain()
    assert (kept.lanes, "object overwritten" in kept.notes[0]) == ([], True)
    scene.store = Objects(a="e1")
    (drained,) = scene.drain()
    ((_, sent),) = scene.stream.sent
    assert (sent.records, sent.reader, scene.errors.items) == (None, None, {})
    assert f"was cut by {former!r}, now by" in drained.notes[0]


def test_records_whose_object_is_mapped_no_more_go_back_to_tell_so() -> None:
    scene = Scene(bad_records((2, 2)))
    scene.reader = None
    assert scene.drain()[0].lanes == ["fast"]
    assert scene.stream.sent[0][1].records == [(2, 2)]


# ---- by the command and by the function


class World:
    """A site of fakes that all begin alike: items that go back, that stay and that are dropped; two messages."""

    def __init__(self) -> None:
        records: dict[str, Any] = {"kind": "records", "records": [(2, 2)], "failed_at": "2018-03-29T16:35:15.768Z"}
        self.errors = Errors(
            item("r1", event("a"), failed_at="2018-03-28T00:00:00.000Z"),
            item(
                "r2",
                *(event("b", "slow"), event("c")),
                **{"failed_at": "2018-03-29T00:00:00.000Z", "stage": "handler", "fingerprint": "f00d"},
            ),
            item("r3", event("gone", records=[(2, 2)], reader="s3-lines/2"), **records),
            item("r4", failed_at="2018-03-30T00:00:00.000Z"),
            item("r5", event("dropped", None), failed_at="2018-03-31T00:00:00.000Z"),
            item("r6", event("other/d"), failed_at="2018-04-01T00:00:00.000Z"),
        )
        self.stream, self.ledger = Streams(), Ledger()
        self.queue = Queue(encode(event("lost")).decode(), "no JSON")
        self.site = FakeSite(
            config=config_of(routing=[Route(prefix="dropped", dest="drop")]),
            store=Objects(a="e1", b="e1", c="e1"),
            stream=self.stream,
            streams=STREAMS,
            errors=self.errors,
            ledger=self.ledger,
            undelivered=self.queue,
        )

    @property
    def state(self) -> Any:
        """All that a drain may change."""
        entries = {key: entry.status for key, entry in self.ledger.entries.items()}
        return self.stream.sent, self.errors.items, entries, self.queue.texts


class FakeFunction(LambdaSite):
    """The site of the Drain function, with the ports of another one."""

    def __init__(self, site: FakeSite) -> None:
        super().__init__({})
        self._site = site
        ports = ("config", "store", "stream", "errors", "ledger")
        self.__dict__.update({name: getattr(site, name) for name in ports})

    @property
    def streams(self) -> Mapping[Lane, str]:
        return self._site.streams

    @property
    def undelivered(self) -> Any:
        return self._site.undelivered


class FakeStack:
    """What the command asks of a stack beside its site."""

    kind, has_twin = "stack", False

    def count_undelivered(self) -> int:
        return 0

    def pauses(self) -> list[Pause]:
        return []


class Context:
    """AWS's, with time enough."""

    aws_request_id, function_name = "r", "Drain"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def log() -> Iterator[None]:
    """The function writes its log to standard output."""
    root, level = logging.getLogger(), telemetry.log.level
    handlers, root.handlers = root.handlers, []
    yield
    root.handlers = handlers
    telemetry.log.setLevel(level)


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"ids": ["r2", "r3"]},
        {"ids": ["r3", "r1"], "limit": 1},
        {"ids": ["r6", "none"], "groups": ["f00d", "beef"]},
        {"groups": ["f00d"], "limit": 1},
        {"since": "2018-03-29T12:00:00Z"},
        {"since": "2018-03-28T12:00:00Z", "until": 1_522_340_000},
        {"prefix": "my-logs/other/"},
        {"type": "handler"},
        {"type": "records"},
        {"limit": 3},
        {"since": "2018-03-29T12:00:00Z", "type": "ValueError", "limit": 4},
        {"prefix": "nothing"},
    ],
    ids=str,
)
def test_the_command_and_the_function_drain_alike(
    chosen: dict[str, Any], dry_run: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_command, by_function = World(), World()
    request, stack = {**chosen, "dry_run": dry_run}, cast("Operations", FakeStack())
    command.drain_here(DrainRequest.of(request), by_command.site, stack, json_=True)
    printed = json.loads(capsys.readouterr().out)
    assert len(printed.pop("items", [])) == (printed["drained"] if dry_run else 0)
    monkeypatch.setattr(lambdas, "_site", FakeFunction(by_function.site))
    answer = lambdas.drain(request, Context())
    assert {"undelivered": 0, **printed, "more": False} == answer
    assert by_command.state == by_function.state
    assert ("undelivered" in printed) == (not chosen)
    if not chosen and not dry_run:
        assert answer["lanes"] == {"fast": 3, "slow": 1}
        counts = ("drained", "dropped", "kept", "undelivered")
        assert ([answer[name] for name in counts], len(answer["notes"])) == ([3, 1, 2, 1], 4)
