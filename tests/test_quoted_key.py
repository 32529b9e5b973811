"""Rules about keys that may be quoted: an object's own key wins, its ledger entry and its error item have that key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fakes import Errors, FakeSite, Ledger, Objects, Streams, Witness, config_of, object_event
from slips.config import Config, HandlerConfig, Mapping, Route
from slips.envelope.cause import Cause
from slips.envelope.lost import Unwrapped
from slips.errors import StorageError, UnfinishedError
from slips.interface import Handler
from slips.model import ObjectEvent
from slips.parsing.run import Ticker
from slips.pipeline.invocation import BatchResult, run_batch
from slips.pipeline.process import Processor
from slips.pipeline.report import report_lost
from slips.ports import StoredObject


class Keys(Handler):
    """The keys of the objects that were delivered, in this test."""

    got: list[str]

    def recv(self, meta: Any, event: Any) -> None:
        if event["message"] == "raise":
            raise ConnectionError("503 from the receiver")
        self.got.append(meta.source.object_key)


class Troubled(Objects):
    """A store that answers a key with a fault that may pass."""

    trouble = ""

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        if event.object_key == self.trouble:
            raise StorageError(f"{event.url}: S3 answers SlowDown")
        with super().open(event) as stored:
            yield stored


class Scene:
    """A main func of two mapped prefixes, `logs/` and `logs+more/`, and what it is given."""

    def __init__(self, *keys: str, body: bytes = b"one\n", routing: list[Route] | None = None) -> None:
        self.errors, self.stream, self.seen = Errors(), Streams(), Witness()
        self.ledger, self.routing = Ledger(), routing or []
        self.store = Troubled(**dict.fromkeys(keys, body))
        lines = ["s3-lines"]
        config = Config(
            stack_name="test",
            handler=HandlerConfig(path="handler.py"),
            bucket_mapping={"my-logs": [Mapping("logs/", lines), Mapping("logs+more/", lines)]},
        )
        self.processor = Processor(FakeSite(config=config, store=self.store, handlers=[Keys]))

    @property
    def site(self) -> FakeSite:
        return FakeSite(
            config=config_of(routing=self.routing), ledger=self.ledger, errors=self.errors, stream=self.stream
        )

    def run(self, *events: ObjectEvent, request_id: str = "r") -> BatchResult:
        return run_batch(events, request_id, self.site, processor=self.processor, deadline=Ticker(), observer=self.seen)

    def report(self, *events: ObjectEvent) -> int:
        """Items that the reporter makes when AWS gives up on request `r`."""
        found = Unwrapped(list(events), [], Cause(request_id="r", error_type="UnfinishedError", attempts=3), 0)
        done = report_lost(found, self.site)
        return len(done.items)

    def status(self, key: str) -> str:
        return self.ledger.status(object_event(key))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Keys.got = []


def bridged(key: str, **changes: Any) -> ObjectEvent:
    """An event as EventBridge's become, with a key that may be quoted."""
    return object_event(key, quoted=True, **changes)


QUOTED = "logs%2Fa+b%25.gz"
TRUE = "logs/a b%.gz"


@pytest.mark.parametrize("key", ["logs/100%25.gz", "logs/a+b.gz"])
def test_a_key_that_is_there_as_given_always_wins(key: str) -> None:
    scene = Scene(key, "logs/100%.gz", "logs/a b.gz")
    assert scene.run(bridged(key)) == BatchResult(succeeded=1)
    assert Keys.got == [key]
    assert scene.status(key) == "done"


def test_a_key_that_is_not_there_is_tried_unquoted_and_the_ledger_has_the_true_one() -> None:
    scene = Scene(TRUE)
    assert scene.run(bridged(QUOTED)) == BatchResult(succeeded=1)
    assert Keys.got == [TRUE]
    assert (scene.status(TRUE), scene.status(QUOTED)) == ("done", "superseded")


@pytest.mark.parametrize("quoted_first", [True, False])
def test_an_object_that_two_sources_tell_of_is_delivered_once(quoted_first: bool) -> None:
    scene = Scene(TRUE)
    events = [bridged(QUOTED), object_event(TRUE)]
    for number, event in enumerate(events if quoted_first else events[::-1]):
        scene.run(event, request_id=f"r{number}")
    assert Keys.got == [TRUE]
    assert (scene.status(TRUE), scene.status(QUOTED)) == ("done", "superseded")


def test_a_key_of_which_neither_form_is_there_fails_as_it_was_given_and_may_come_later() -> None:
    scene, event = Scene(), bridged("logs/a+b.gz")
    with pytest.raises(UnfinishedError, match=r"s3://my-logs/logs/a\+b.gz: no such object"):
        scene.run(event)
    assert scene.report(event) == 1
    (item,) = scene.errors.items.values()
    assert (item.events[0].object_key, item.events[0].quoted) == ("logs/a+b.gz", True)
    scene.store.objects["logs/a b.gz"] = b"one\n"
    scene.run(item.events[0], request_id="again")
    assert Keys.got == ["logs/a b.gz"]


def test_an_event_that_is_sure_of_its_key_is_never_tried_unquoted() -> None:
    scene = Scene("logs/a b.gz")
    with pytest.raises(UnfinishedError):
        scene.run(object_event("logs/a+b.gz"))
    assert Keys.got == []


def test_a_look_that_fails_leaves_the_event_to_the_next_attempt() -> None:
    scene = Scene("logs/a+b.gz", "logs/a b.gz")
    scene.store.trouble = "logs/a+b.gz"
    with pytest.raises(UnfinishedError, match="SlowDown"):
        scene.run(bridged("logs/a+b.gz"))
    scene.store.trouble = ""
    scene.run(bridged("logs/a+b.gz"))
    assert Keys.got == ["logs/a+b.gz"]


def test_a_failed_object_names_the_true_key_and_the_reporter_makes_one_item() -> None:
    scene = Scene(TRUE, "logs/good", body=b"raise\n")
    scene.store.objects["logs/good"] = b"one\n"
    events = [bridged(QUOTED), bridged("logs%2Fgood")]
    with pytest.raises(UnfinishedError, match=r"s3://my-logs/logs/a b%.gz: record 1"):
        scene.run(*events)
    assert scene.report(*events) == 1
    (item,) = scene.errors.items.values()
    assert (item.events[0].object_key, item.events[0].quoted, item.error_type) == (TRUE, None, "ConnectionError")
    assert (scene.status(TRUE), scene.status(QUOTED)) == ("failed", "superseded")
    assert (scene.status("logs/good"), scene.status("logs%2Fgood")) == ("done", "superseded")


def test_the_mapping_is_that_of_the_true_key() -> None:
    scene = Scene("logs more/a", "logs+more/a")
    scene.run(bridged("logs%2Bmore%2Fa"), request_id="mapped")
    assert Keys.got == ["logs+more/a"]
    scene.run(bridged("logs+more%2Fa"), request_id="as given is mapped by no prefix, and so is the other")
    (item,) = scene.errors.items.values()
    assert item.error_type == "MappingError"
    assert item.events[0].object_key == "logs+more%2Fa"


def test_a_key_that_is_not_mapped_as_given_needs_the_announced_content_under_the_other() -> None:
    """The main func may not read what is not mapped: an object there must not pass for its neighbour."""
    scene = Scene(TRUE)
    scene.store.etags[TRUE] = "another"
    scene.run(bridged(QUOTED))
    assert Keys.got == []
    (item,) = scene.errors.items.values()
    assert (item.error_type, item.events[0].object_key) == ("MappingError", QUOTED)


def test_an_object_whose_true_key_a_rule_drops_is_dropped_and_the_ledger_says_so() -> None:
    scene = Scene("logs/debug/a", routing=[Route(prefix="logs/debug/", dest="drop")])
    scene.run(bridged("logs%2Fdebug%2Fa"))
    assert Keys.got == []
    assert (scene.status("logs/debug/a"), scene.status("logs%2Fdebug%2Fa")) == ("dropped", "superseded")
    assert scene.report(bridged("logs%2Fdebug%2Fa")) == 0


def test_a_rule_drops_nothing_of_what_is_already_done() -> None:
    scene = Scene("logs/debug/a")
    scene.run(object_event("logs/debug/a"), request_id="before the rule")
    scene.routing = [Route(prefix="logs/debug/", dest="drop")]
    scene.run(bridged("logs%2Fdebug%2Fa"))
    assert scene.status("logs/debug/a") == "done"
