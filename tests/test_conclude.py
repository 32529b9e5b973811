"""One table of what becomes of a run, on DynamoDB and on SQLite: the same error items, and the same ledger."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from fakes import Objects, object_event
from places import LINES, Draw, Machine, Place, Sink, fresh_sink, place
from slips.model import ObjectEvent, Outcome, Range
from slips.pipeline.conclude import ATTEMPTS, Conclusion, is_obsolete, judge
from slips.pipeline.ended import Failure
from slips.ports import LedgerEntry, StoredObject

__all__ = ["fresh_sink", "place"]
BROKEN = gzip.compress(LINES, mtime=0)[:-4]
E1, E2 = object_event("a"), object_event("a", object_etag="e2")


# ---- the table


class Came(NamedTuple):
    """What a scenario comes to."""

    items: Sequence[tuple[str, str, str, list[Range]]]
    """Kind, identity, error type and records of each error item."""
    ledger: dict[tuple[str, str], str]
    """Status by identity and records; of replays, only what they did to the object."""
    got: list[int]
    """Record numbers that the handler got."""


def came_to(place: Place) -> Came:
    items = [(each.kind, each.events[0].identity, each.error_type, each.records) for each in place.errors.scan()]
    entries = [entry for entry in place.ledger.scan() if entry.replay is None]
    ledger = {(entry.identity, str(entry.records or "")): str(entry.status) for entry in entries}
    return Came(items, ledger, Sink.got)


CEF = b"CEF:0|Acme|Door|1|opened|Door opened|3|"


def success(place: Place) -> None:
    place.put(E1)
    place.run()


def quarantine(place: Place) -> None:
    place.format, place.objects.objects["a"] = ["s3-lines", "cef"], b"%b\nbad\n%b\n" % (CEF, CEF)
    success(place)


def stopped(place: Place) -> None:
    place.ticker.due = True
    success(place)


def failure_that_passes(place: Place) -> None:
    Sink.down = ATTEMPTS - 1
    success(place)


def last_attempt(place: Place) -> None:
    Sink.down = ATTEMPTS
    success(place)


def final_failure(place: Place) -> None:
    place.objects.objects["a"] = BROKEN
    success(place)


def other_content(place: Place) -> None:
    place.objects.etags["a"] = "e2"
    success(place)


def other_content_that_fails(place: Place) -> None:
    place.objects.objects["a"] = BROKEN
    other_content(place)


def other_content_that_is_done(place: Place) -> None:
    place.objects.etags["a"] = "e2"
    place.put(E2)
    success(place)


def failed_content_that_was_overwritten(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.objects.etags["a"] = "e2"
    place.drain()
    place.run()


def attempt_that_left_items(place: Place) -> None:
    place.faults = 1
    # The first attempt quarantines records 2 and 4, and dies before its end; the second finds the object damaged.
    place.format, place.objects.objects["a"] = ["s3-lines", "json"], b"{}\nbad\n{}\nbad\n{}\n"

    place.after_an_attempt = lambda: place.objects.objects.update(a=BROKEN)
    success(place)


def replay_of_records(place: Place) -> None:
    quarantine(place)
    place.format = ["s3-lines"]
    place.drain()
    place.run()


def replay_of_records_in_vain(place: Place) -> None:
    quarantine(place)
    place.drain()
    place.run()


def replay_of_the_object(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.drain()
    place.run()


def replay_that_is_stopped(place: Place) -> None:
    final_failure(place)
    place.objects.objects["a"] = LINES
    place.ticker.due = True
    place.drain()
    place.run()


def late_duplicate(place: Place) -> None:
    success(place)
    success(place)


TABLE: dict[Callable[[Place], None], Came] = {
    success: Came([], {("e1", ""): "done"}, [1, 2]),
    quarantine: Came([("records", "e1", "RecordError", [(2, 2)])], {("e1", ""): "done"}, [1, 3]),
    stopped: Came([], {("e1", ""): "done", ("e1", "[(2, None)]"): "done"}, [1, 2]),
    failure_that_passes: Came([], {("e1", ""): "done"}, [1, 2]),
    last_attempt: Came([("object", "e1", "ConnectionError", [])], {("e1", ""): "failed"}, []),
    final_failure: Came([("object", "e1", "DecompressionError", [])], {("e1", ""): "failed"}, [1, 2]),
    other_content: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2]),
    other_content_that_fails: Came(
        [("object", "e2", "DecompressionError", [])], {("e1", ""): "superseded", ("e2", ""): "failed"}, [1, 2]
    ),
    other_content_that_is_done: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2]),
    failed_content_that_was_overwritten: Came([], {("e1", ""): "superseded", ("e2", ""): "done"}, [1, 2, 1, 2]),
    attempt_that_left_items: Came([("object", "e1", "DecompressionError", [])], {("e1", ""): "failed"}, [1, 3, 5]),
    replay_of_records: Came([], {("e1", ""): "done"}, [1, 3, 2]),
    replay_of_records_in_vain: Came([("records", "e1", "RecordError", [(2, 2)])], {("e1", ""): "done"}, [1, 3]),
    replay_of_the_object: Came([], {("e1", ""): "done"}, [1, 2, 1, 2]),
    replay_that_is_stopped: Came([], {("e1", ""): "done"}, [1, 2, 1, 2]),
    late_duplicate: Came([], {("e1", ""): "done"}, [1, 2]),
}


@pytest.mark.parametrize("scenario", TABLE, ids=lambda each: str(each.__name__))
def test_a_run_comes_to_the_same_on_every_backend(
    place: Place, scenario: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slips.pipeline.quarantine.RANGES", 1)
    scenario(place)
    assert came_to(place) == TABLE[scenario]


@pytest.mark.parametrize(
    ("place", "scenario"),
    [
        ("dynamodb", replay_of_the_object),
        ("sqlite", replay_of_the_object),
        ("dynamodb", stopped),
        ("sqlite", stopped),
        # On one machine no run is stopped, and rows of replays are forgotten.
        ("dynamodb", replay_that_is_stopped),
    ],
    indirect=["place"],
)
def test_the_entries_of_an_object_add_up_to_its_records(place: Place, scenario: Callable[[Place], None]) -> None:
    scenario(place)
    assert sum(counts.records for counts in map(counts_of, place.ledger.scan())) == 2
    assert sum(counts.delivered for counts in map(counts_of, place.ledger.scan())) == 2


def counts_of(entry: LedgerEntry) -> Outcome:
    return entry.outcome or Outcome()


def test_the_item_of_the_last_attempt_tells_how_many_there_were(place: Place) -> None:
    last_attempt(place)
    (item,) = place.errors.scan()
    assert item.attempts == ATTEMPTS


class Versioned(Objects):
    """Objects in a bucket with versions, which listings do not tell."""

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        with super().open(event) as stored:
            stored.version_id = "v1"
            yield stored


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_object_that_was_listed_by_its_etag_and_read_as_a_version_is_not_pending_again(place: Machine) -> None:
    place.objects = Versioned(a=LINES)
    success(place)
    assert came_to(place).ledger == {("e1", ""): "done", ("v1", ""): "done"}
    assert not place.state.is_pending(E1)


# ---- policies


@pytest.mark.parametrize(
    ("retryable", "resources", "attempts", "excused", "verdict"),
    [
        (False, False, 1, 0, "final"),
        (True, False, 1, 0, "retry"),
        (True, False, ATTEMPTS - 1, 0, "retry"),
        (True, False, ATTEMPTS, 0, "final"),
        (True, True, 1, 0, "excused"),
        (True, True, ATTEMPTS, 2, "excused"),
        (True, True, 1, 3, "final"),
    ],
)
def test_a_failure_is_final_retried_or_excused(
    retryable: bool, resources: bool, attempts: int, excused: int, verdict: str
) -> None:
    failure = Failure(E1, "handler", "E", "m", retryable=retryable, resources=resources)
    assert judge(failure, attempts, excused=excused) == verdict


def test_no_progress_of_an_event_that_was_not_alone_is_postponed() -> None:
    failure = Failure(E1, "process", "NoProgressError", "m", retryable=False)
    assert (judge(failure, alone=False), judge(failure)) == ("postponed", "final")


def about(identity: str, records: list[Range] | None = None) -> ObjectEvent:
    return object_event("a", object_etag=identity, records=records)


def version(version_id: str) -> ObjectEvent:
    return replace(about("e0"), object_version_id=version_id)


DONE = Conclusion(E1, E1, "done", "r")


@pytest.mark.parametrize(
    ("told", "conclusion", "obsolete"),
    [
        (about("e1"), DONE, True),
        (about("e1"), replace(DONE, status="failed"), True),
        (about("e0"), DONE, False),
        (about("e0"), replace(DONE, names=("e0",)), True),
        (about("e0"), replace(DONE, is_only_content=True), True),
        (version("v0"), replace(DONE, is_only_content=True), False),
        (about("e0"), replace(DONE, announced=about("e0")), True),
        (about("e1", [(2, 2)]), DONE, True),
        (about("e1", [(2, 2)]), replace(DONE, status="failed"), False),
        (about("e1", [(2, 2)]), replace(DONE, status="part"), False),
        (about("e0", [(2, 2)]), replace(DONE, is_only_content=True), False),
        (about("e1", [(2, 2)]), replace(DONE, read=about("e1", [(2, 2)])), True),
        (about("e1", [(2, 2)]), replace(DONE, read=about("e1", [(4, 4)])), False),
        (about("e1"), replace(DONE, read=about("e1", [(4, 4)])), False),
        (about("e1"), replace(DONE, read=about("e1", [(4, None)])), True),
        (about("e1"), replace(DONE, read=about("e1", [(4, None)]), status="failed"), False),
    ],
)
def test_a_later_run_makes_items_obsolete_whose_records_it_read_again(
    told: ObjectEvent, conclusion: Conclusion, obsolete: bool
) -> None:
    assert is_obsolete(told, conclusion) is obsolete


# ---- earlier items, on DynamoDB, where an answer may be lost


def faults_of(*faults: str) -> Draw:
    """The faults of the calls to come, one after another; empty: none."""
    left = list(faults)
    return lambda _kinds: left.pop(0) if left else ""


CONCLUDING = {
    "ends as before": (BROKEN, ["", "", "answer lost"], "failed"),
    "ends as before, asked twice": (BROKEN, ["", "", "sent twice", "refused"], "failed"),
    "ends as before, and its process dies": (BROKEN, ["", "", "death behind"], "failed"),
    "is done": (LINES, ["", "answer lost"], "done"),
    "is done, and the item cannot be deleted": (LINES, ["", "", "refused"], "done"),
    "is done, and its process dies": (LINES, ["", "death behind"], "done"),
}
REPORTED = {how: (body, [*calls, "refused", "refused"], status) for how, (body, calls, status) in CONCLUDING.items()}


@pytest.mark.parametrize("place", ["dynamodb"], indirect=True)
@pytest.mark.parametrize(
    ("body", "calls", "status"),
    [*CONCLUDING.values(), *REPORTED.values()],
    ids=[*CONCLUDING, *(f"{how}; reported" for how in REPORTED)],
)
def test_an_earlier_item_goes_though_the_run_that_made_it_obsolete_was_interrupted(
    place: Place, body: bytes, calls: list[str], status: str
) -> None:
    final_failure(place)
    (earlier,) = place.errors.scan()
    place.objects.objects["a"] = body
    place.draw = faults_of(*calls)
    success(place)
    assert earlier.request_id not in [each.request_id for each in place.errors.scan()]
    assert came_to(place).ledger == {("e1", ""): status}
    assert len(came_to(place).items) == (status == "failed")


@pytest.mark.parametrize("body", [BROKEN, LINES])
def test_an_object_that_is_announced_behind_a_replay_in_vain_has_no_item_of_that_replay(
    place: Place, body: bytes
) -> None:
    final_failure(place)
    place.drain()
    place.run()
    (of_replay,) = place.errors.scan()
    place.objects.objects["a"] = body
    success(place)
    left = [each.request_id for each in place.errors.scan()]
    assert of_replay.request_id not in left
    assert len(left) == (body == BROKEN)
