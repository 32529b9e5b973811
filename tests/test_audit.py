"""What an audit says of each object, on DynamoDB and on SQLite, after anything that may happen to it."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fakes import FakeSite, config_of, object_event
from places import Machine, Place, Stack, fresh_sink, place
from slips.backends.aws.known import DynamoKnown
from slips.backends.machine.known import SqliteKnown
from slips.backends.spans import ROWS
from slips.config import Config, Route
from slips.config import Mapping as Prefix
from slips.errors import StorageError, UsageError
from slips.known import PAGE, KnownObjects, content_of
from slips.model import Lane, ObjectEvent, Outcome, format_time
from slips.pipeline.audit import BEFORE, DAY, Audit, AuditState, Found, audit
from slips.pipeline.audit_note import audit_of_note, note_of
from slips.pipeline.audit_report import html
from slips.pipeline.selection import mapped_places, named_selection, selection_of

__all__ = ["fresh_sink", "place"]

pytestmark = pytest.mark.once

GOOD, BAD, BROKEN = b'{"n": 1}\n{"n": 2}\n', b"no JSON\n", gzip.compress(b"one\n")[:-4]


@dataclass(kw_only=True)
class Bucket(FakeSite):
    """A site whose buckets have these objects."""

    objects: Sequence[ObjectEvent] = ()
    directories: dict[str, Path] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The listings that were begun."""
    denied: Sequence[str] = ()
    """The buckets whose listings break off behind their first object."""

    beginnings: Callable[[str], Sequence[str]] = lambda _: [""]
    is_unfinished: Callable[[ObjectEvent], bool] = lambda _: False

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        self.asked.append((bucket, prefix))
        found = (each for each in self.objects if each.bucket_name == bucket and each.object_key.startswith(prefix))
        for event in sorted(found, key=lambda each: each.object_key.encode()):
            yield event
            if bucket in self.denied:
                raise StorageError(f"s3://{bucket}/: AccessDenied")


class Backend:
    """As much of Operations as an audit uses, over a place."""

    name = "test"

    def __init__(self, place: Place, lags: dict[Lane, float] | None = None) -> None:
        self._place, self._lags = place, lags or {"fast": 0.0, "slow": 0.0}

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects:
        if isinstance(self._place, Machine):
            return SqliteKnown(self._place.state, listed)
        assert isinstance(self._place, Stack)
        about = (self._place.ledger.stored_entries, self._place.errors.scan, progress)
        return DynamoKnown(listed, lambda: self._lags, *about)


def now(key: str, age: float = 0.0, **changes: Any) -> ObjectEvent:
    """An object that was last modified `age` seconds ago."""
    return object_event(key, **{"event_time": format_time(time.time() - age), **changes})


def audited(place: Place, *objects: ObjectEvent, lags: dict[Lane, float] | None = None, **about: Any) -> Audit:
    site = Bucket(objects=objects, config=about.pop("config", config_of()))
    return audit(site, Backend(place, lags), selection_of(site, (), ()), **about)


def states(place: Place, *objects: ObjectEvent, **about: Any) -> dict[str, str]:
    """The state of each object, audited alone."""
    found = {}
    for each in objects:
        total = audited(place, each, **about).total
        (state,) = (name for name, number in total.found.to_dict().items() if number and name != "objects")
        found[each.object_key] = " ".join([state, *total.reasons])
    return found


def processed(place: Place, **contents: bytes) -> None:
    """Puts objects, and runs them."""
    place.format = ["s3-lines", "json"]
    for key, content in contents.items():
        place.objects.objects[key] = content
        place.put(now(key, object_etag=place.objects.etags.get(key, "e1")))
    place.run()


# ---- states


def test_objects_are_done_failed_waiting_and_missing_as_ledger_lanes_and_error_table_have_them(place: Place) -> None:
    processed(place, a=GOOD, b=BAD)
    place.ledger.claim(object_event("c"), "r1")
    found = states(place, *(now(key) for key in "abcd"))
    assert found == {"a": "done", "b": "done", "c": "waiting running", "d": "missing"}
    fails(place, "e")
    assert states(place, now("e")) == {"e": "failed"}


def fails(place: Place, key: str) -> None:
    place.objects.objects[key] = BROKEN
    place.put(now(key))
    place.run()


def test_an_object_that_was_overwritten_since_it_was_done_has_changed_until_its_content_is_done(place: Place) -> None:
    processed(place, a=GOOD)
    assert states(place, now("a", object_etag="e2")) == {"a": "changed"}
    place.objects.etags["a"] = "e2"
    processed(place, a=GOOD)
    assert states(place, now("a", object_etag="e2"), now("b")) == {"a": "done", "b": "missing"}


def test_a_later_run_of_an_older_content_does_not_undo_that_the_listed_one_is_done(place: Place) -> None:
    tuple(place.ledger.finish(now("a"), Outcome(etag="e1")))
    place.ledger.claim(now("a", object_etag="e0"), "r1")
    tuple(place.ledger.finish(now("b"), Outcome(etag="e1")))
    tuple(place.ledger.fail(now("b", object_etag="e0"), Outcome(), "r2"))
    assert states(place, now("a"), now("b")) == {"a": "done", "b": "done"}


def test_a_file_that_was_read_as_soon_as_it_was_written_is_known_by_its_stamp(place: Place) -> None:
    if not isinstance(place, Machine):
        pytest.skip("S3 has no stamps")
    place.state.files.remember("my-logs", "a", "1-2-3@4@young", "h" * 32)
    tuple(place.ledger.finish(now("a", object_etag="h" * 32), Outcome()))
    assert states(place, now("a", object_etag="1-2-3@4")) == {"a": "done"}
    assert states(place, now("a", object_etag="1-2-3@5")) == {"a": "changed"}


def test_a_drained_object_waits_and_a_dismissed_one_of_this_machine_is_ignored(place: Place) -> None:
    for key in "ab":
        fails(place, key)
    for item in list(place.errors.scan()):
        if item.place[1] == "a":
            place.dismiss(item)
        else:
            place.drain_items([item])
    dismissed = "ignored dismissed" if isinstance(place, Machine) else "waiting taken_out"
    drained = "waiting" if isinstance(place, Machine) else "waiting taken_out"
    assert states(place, now("a"), now("b")) == {"a": dismissed, "b": drained}


def test_an_object_waits_until_its_last_part_is_done_and_the_records_of_all_parts_count(place: Place) -> None:
    event, rest = now("a"), now("a", records=[(2, None)])
    place.ledger.claim(event, "r1")
    tuple(place.ledger.finish(event, Outcome(records=1, delivered=1, etag="e1"), "part"))
    assert states(place, now("a")) == {"a": "waiting running"}
    tuple(place.ledger.finish(rest, Outcome(records=4, delivered=3, quarantined=1, etag="e1")))
    tuple(place.ledger.finish(event, None))
    counts = audited(place, now("a")).to_dict()["total"]["records"]
    assert counts == {"records": 5, "delivered": 4, "filtered": 0, "quarantined": 1}


def test_records_of_other_contents_and_of_failed_runs_do_not_count(place: Place) -> None:
    tuple(place.ledger.finish(now("a", object_etag="e0"), Outcome(records=7, delivered=7, etag="e0")))
    tuple(place.ledger.finish(now("a"), Outcome(records=2, delivered=2, etag="e1")))
    tuple(place.ledger.fail(now("b"), Outcome(records=5, delivered=5, etag="e1"), "r1"))
    replayed = now("a", records=[(2, 2)], replay="r2@1")
    tuple(place.ledger.finish(replayed, Outcome(records=1, delivered=1, etag="e1")))
    tuple(place.ledger.fail(now("c", records=[(2, None)]), Outcome(records=9, delivered=9, etag="e1"), "r3"))
    tuple(place.ledger.finish(now("c"), Outcome(records=3, delivered=3, etag="e1")))
    assert audited(place, now("a"), now("b"), now("c")).total.records.records == 2 + 3


def test_records_that_do_not_add_up_are_said(place: Place) -> None:
    tuple(place.ledger.finish(now("a"), Outcome(records=3, delivered=2, etag="e1")))
    found = audited(place, now("a"))
    assert (found.total.records.is_balanced, found.is_clean) == (False, False)


def test_routing_that_drops_and_objects_that_are_no_logs_or_have_no_mapping_are_ignored(place: Place) -> None:
    config = config_of(
        routing=[Route(prefix="logs/debug/", dest="drop")],
        bucket_mapping={"my-logs": [Prefix("logs/", ["s3-lines"]), Prefix(pattern="**/x", format=["s3-lines"])]},
    )
    objects = [now("logs/debug/a"), now("logs/ELBAccessLogTestFile"), now("other"), now("logs/a")]
    assert states(place, *objects, config=config) == {
        "logs/debug/a": "ignored dropped",
        "logs/ELBAccessLogTestFile": "ignored filtered",
        "other": "ignored unmapped",
        "logs/a": "missing",
    }
    tuple(place.ledger.finish(now("logs/debug/a"), Outcome(etag="e1")))
    assert states(place, objects[0], config=config) == {"logs/debug/a": "done"}
    assert states(place, replace(objects[0], object_etag="e2"), config=config) == {"logs/debug/a": "ignored dropped"}


def test_what_the_error_table_has_failed_whatever_the_config_says_of_it_as_in_status(place: Place) -> None:
    for key in ("lost", "logs/debug/a"):
        fails(place, key)
    config = config_of(
        routing=[Route(prefix="logs/debug/", dest="drop")],
        bucket_mapping={"my-logs": [Prefix("logs/", ["s3-lines"]), Prefix(pattern="**/x", format=["s3-lines"])]},
    )
    objects = [now("logs/debug/a"), now("lost"), now("other")]
    assert states(place, *objects, config=config) == {
        "logs/debug/a": "failed",
        "lost": "failed",
        "other": "ignored unmapped",
    }
    found = audited(place, *objects, config=config)
    assert (found.unmapped_found.failed, found.unmapped_found.ignored, found.unmapped) == (1, 1, 2)
    assert (found.is_clean, found.to_dict()["total"]["unmapped_failed"]) == (False, 1)
    noted = audit_of_note(note_of(found)[1])
    assert noted.unmapped_found == found.unmapped_found


def test_an_object_that_lost_its_mapping_stays_done_or_waiting_as_in_status(place: Place) -> None:
    processed(place, a=GOOD, b=GOOD)
    fails(place, "c")
    place.drain_items(list(place.errors.scan()))
    config = config_of(bucket_mapping={"my-logs": [Prefix("logs/", ["s3-lines"]), Prefix(pattern="**/x", format=[])]})
    objects = [now("a"), now("b", object_etag="e2"), now("c"), now("d")]
    assert {key: state.split()[0] for key, state in states(place, *objects, config=config).items()} == {
        "a": "done",
        "b": "ignored",
        "c": "waiting",
        "d": "ignored",
    }
    found = audited(place, *objects, config=config)
    assert found.unmapped_found == found.total.found == Found(done=1, waiting=1, ignored=2)
    assert found.total.reasons["unmapped"] == 2
    assert found.total.records.records == 2
    assert audit_of_note(note_of(found)[1]).unmapped_found == found.unmapped_found


# ---- the start


def test_the_audit_starts_before_the_first_ledger_entry_and_ignores_unknown_objects_from_before(place: Place) -> None:
    processed(place, a=GOOD)
    objects = [now("a", 9 * DAY), now("b", BEFORE + 60), now("c", BEFORE - 60), now("d", -60)]
    assert states(place, *objects) == {"a": "done", "b": "ignored older", "c": "missing", "d": "missing"}
    assert audited(place).start_by == "first entry"


def test_without_a_ledger_entry_all_that_the_ledger_would_keep_is_missing(place: Place) -> None:
    assert states(place, now("a", 89 * DAY), now("b", 91 * DAY)) == {"a": "missing", "b": "ignored older"}
    assert audited(place).start_by == "no entry"


def test_since_ignores_all_objects_from_before_and_reaches_no_further_than_the_ledger(place: Place) -> None:
    processed(place, a=GOOD)
    objects = [now("a", 3 * DAY), now("b", 3 * DAY), now("c", 91 * DAY)]
    assert states(place, *objects, since="4d") == {"a": "done", "b": "missing", "c": "ignored older"}
    assert states(place, *objects, since="2d") == dict.fromkeys("abc", "ignored older")
    found = audited(place, *objects, since="1000d")
    assert (found.start_by, found.total.reasons) == ("ledger days", {"older": 1})
    with pytest.raises(UsageError, match="--since: 'soon'"):
        audited(place, since="soon")


def test_an_object_so_new_that_it_may_be_on_a_lane_unseen_waits_and_on_an_idle_lane_it_is_missing(
    place: Place,
) -> None:
    if isinstance(place, Machine):
        pytest.skip("the lanes of one machine can be read")
    lags: dict[Lane, float] = {"fast": 300.0, "slow": 0.0}
    config = config_of(routing=[Route(prefix="s", dest="slow")])
    found = states(place, now("a", 200), now("b", 400), now("s", 200), lags=lags, config=config)
    assert found == {"a": "waiting unseen", "b": "missing", "s": "missing"}


# ---- counts, names


def test_objects_count_by_mapping_day_and_hour_and_those_that_need_a_person_are_named(place: Place) -> None:
    config = config_of(bucket_mapping={"my-logs": [Prefix("x/", ["s3-lines"]), Prefix("y/", ["s3-lines"])]})
    hours = [format_time((time.time() // 3600 - 1) * 3600 + 1), format_time(time.time() // 3600 * 3600 + 1)]
    objects = [object_event(f"x/{n}", event_time=hours[n % 2]) for n in range(3)]
    kept: list[tuple[AuditState, str]] = []
    found = audited(
        place,
        *[*objects, object_event("y/1", event_time=hours[0])],
        config=config,
        keep=lambda state, event: kept.append((state, event.object_key)),
    )
    json = found.to_dict()
    names = ("bucket", "prefix", "objects", "missing")
    assert [{name: part[name] for name in names} for part in json["mappings"]] == [
        {"bucket": "my-logs", "prefix": "x/", "objects": 3, "missing": 3},
        {"bucket": "my-logs", "prefix": "y/", "objects": 1, "missing": 1},
    ]
    of_hours = [(each["hour"][11:13], each["missing"]) for each in json["mappings"][0]["hours"]]
    assert of_hours == [(hours[0][11:13], 2), (hours[1][11:13], 1)]
    assert [each["missing"] for each in json["total"]["hours"]] == [3, 1]
    assert kept == [("missing", "x/0"), ("missing", "x/1"), ("missing", "x/2"), ("missing", "y/1")]
    assert [each["url"] for each in json["objects"]["missing"]] == [f"s3://my-logs/{key}" for _, key in kept]


def test_a_listing_of_many_pages_meets_a_ledger_of_more_objects_than_one_query_returns(place: Place) -> None:
    gone = [now(f"b{number:05}") for number in range(ROWS + 10)] if isinstance(place, Machine) else []
    ends = [now("a"), now("c")]
    contents = [now("bb", object_etag=f"{number:032x}") for number in range(len(gone))] or [now("bb")]
    with place.state.transaction() if isinstance(place, Machine) else nullcontext():
        for each in (*gone, *ends, *contents):
            tuple(place.ledger.finish(each, Outcome(etag="e1")))
    assert audited(place, *ends, contents[-1]).total.found.to_dict()["done"] == 3
    listed = [now(f"a{number:05}") for number in range(PAGE + 1)]
    found = audited(place, *ends, *listed).total.found
    assert (found.done, found.missing) == (2, PAGE + 1)


def test_a_bucket_that_cannot_be_listed_is_a_problem_of_the_audit_and_all_others_are_compared(place: Place) -> None:
    processed(place, b=GOOD)
    mappings = {name: [Prefix("", ["s3-lines"])] for name in ("away", "my-logs")}
    objects = [now("a", bucket_name="away"), now("c", bucket_name="away"), now("b")]
    site = Bucket(config=config_of(bucket_mapping=mappings), objects=objects, denied=["away"])
    found = audit(site, Backend(place), selection_of(site, (), ()))
    assert [(part.bucket, part.found.missing, part.found.done) for part in found.mappings] == [
        ("away", 1, 0),
        ("my-logs", 0, 1),
    ]
    assert found.to_dict()["problems"] == ["s3://away/: AccessDenied; the audit has none of its other objects"]
    assert (found.is_clean, found.is_clean_besides_missing) == (False, False)
    assert "<li>s3://away/: AccessDenied" in html(found, version="1", config="slips.yml")


def test_a_backfill_does_not_leave_out_a_bucket_that_cannot_be_listed() -> None:
    site = Bucket(objects=[now("a")], denied=["my-logs"])
    with pytest.raises(StorageError, match="AccessDenied"):
        list(selection_of(site, (), ()).listed(site))


# ---- the content of an entry


@pytest.mark.parametrize(
    ("identity", "etag", "after", "expected"),
    [
        ("e" * 32, "", 0, "listed"),
        ("v1", "e" * 32, 0, "listed"),
        ("v1", "f" * 32, 9, "other"),
        ("f" * 32, "", 9, "other"),
        ("f" * 32 + "-4", "", 9, "other"),
        ("v1", "", 9, "perhaps"),
        ("v1", "", -9, "other"),
    ],
)
def test_an_entry_is_of_the_listed_content_by_etag_and_one_of_a_version_without_etag_perhaps_by_time(
    identity: str, etag: str, after: float, expected: str
) -> None:
    listed = now("a", object_etag="e" * 32)
    assert content_of(listed, (listed.identity,), identity, etag, listed.timestamp + after) == expected


# ---- listings


def mapping(*written: str) -> Config:
    of_bucket = [
        Prefix(pattern=each, format=["s3-lines"]) if "*" in each else Prefix(each, ["s3-lines"]) for each in written
    ]
    return config_of(bucket_mapping={"my-logs": of_bucket, "other": [Prefix("", ["s3-lines"])]})


def test_each_key_is_listed_once_from_the_shortest_beginnings_of_the_mappings() -> None:
    site = Bucket(config=mapping("b/", "a/x/*/y", "a/x/1/", "b/c/", "a/**"))
    assert mapped_places(site) == [("my-logs", "a/"), ("my-logs", "b/"), ("other", "")]


def test_a_mapping_whose_prefix_is_a_key_lists_all_that_begins_so_and_a_path_that_is_a_key_that_alone() -> None:
    site = Bucket(config=mapping("a"), objects=[now("a"), now("ab")])
    assert [each.object_key for each in selection_of(site, (), ()).listed(site)] == ["a", "ab"]
    assert [each.object_key for each in selection_of(site, ["s3://my-logs/a"], ()).listed(site)] == ["a"]


def test_each_thousand_listed_objects_are_progress() -> None:
    site, progress = (
        Bucket(config=mapping("a"), objects=[now(f"a{number}") for number in range(2 * PAGE + 1)]),
        list[int](),
    )
    assert len(list(selection_of(site, (), ()).listed(site, progress.append))) == 2 * PAGE + 1
    assert progress == [PAGE, PAGE]


def test_of_a_bucket_with_prefixes_only_these_are_listed() -> None:
    site = Bucket(config=mapping("a/", "b/"), beginnings=lambda bucket: ["a/x/", "c/"] if bucket == "my-logs" else [""])
    assert mapped_places(site) == [("my-logs", "a/x/"), ("other", "")]


def test_a_path_beyond_the_prefixes_of_its_bucket_is_refused() -> None:
    site = Bucket(config=mapping("a/"), beginnings=lambda _: ["a/x/"])
    assert named_selection(site, ["s3://my-logs/a/"]).places == [("my-logs", "a/x/")]
    with pytest.raises(
        UsageError, match="s3://my-logs/b/: none of its keys are of the bucket 'my-logs'; expected keys"
    ):
        named_selection(site, ["s3://my-logs/b/"])


def test_of_a_directory_all_files_are_listed() -> None:
    site = Bucket(config=mapping("a/", "b/"), directories={"my-logs": Path("/logs")})
    assert mapped_places(site) == [("my-logs", ""), ("other", "")]
    assert selection_of(site, (), ["a/"]).places == [("my-logs", "a/")]


def test_a_path_and_a_mapping_choose_what_is_listed(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    site = Bucket(config=mapping("a/", "b/"), directories={"my-logs": tmp_path})
    assert selection_of(site, ["s3://my-logs/a/2026"], ()).places == [("my-logs", "a/2026")]
    assert selection_of(site, [str(tmp_path / "b" / "deep")], ()).places == [("my-logs", "b/deep/")]
    assert selection_of(site, ["s3://my-logs/"], ["my-logs/b/"]).places == [("my-logs", "b/")]
    for path, words in (
        ("s3://none/a", "bucket 'none' has no mapping"),
        (str(tmp_path / "c"), "No such file"),
        ("/", "belongs to no bucket"),
    ):
        with pytest.raises(UsageError, match=words):
            selection_of(site, [path], ())
    with pytest.raises(UsageError, match="no prefix or pattern of 'bucket_mapping' has keys there"):
        selection_of(Bucket(config=mapping("a/")), ["s3://my-logs/b"], ())
    with pytest.raises(UsageError, match="--mapping: 'c/' is no prefix"):
        selection_of(site, (), ["c/"])


def test_a_mapping_counts_only_the_objects_that_it_processes(place: Place) -> None:
    site = Bucket(config=mapping("a/", "a/b/"), objects=[now("a/1"), now("a/b/1")])
    found = audit(site, Backend(place), selection_of(site, (), ["a/"]))
    assert [part.name for part in found.mappings] == ["my-logs/a/"]
    assert found.total.found.objects == 1
