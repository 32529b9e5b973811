"""`slips tap`: shows a sample of the events that pass, on this machine and on a stack, and disturbs no run."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from fakes import object_event
from projects import Project
from slips import times
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.passed import LATE, passed_of
from slips.backends.machine.operations import MachineOperations
from slips.cli.tap import _words
from slips.config.load import load
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.pipeline import tap as module
from slips.pipeline.ended import Failure, Success
from slips.pipeline.selection import selection_of
from slips.pipeline.tap import Tap, TapFilter, TapTally, _Budget, _Picked
from slips.site.machine import MachineSite
from slips.telemetry import JsonLines, Meter
from stack_fixtures import bare, cloud, credentials
from stacks import Cloud

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once
GUARD = 300.0


def done(project: Project, key: str, *records: Any, is_dropped: bool = False, events: int = 0) -> None:
    """Put an object, and let the ledger say that it was processed just now, or dropped by a rule."""
    project.put(key, *records)
    with closing(project.state()) as state:
        site = MachineSite(load(project.root / "slips.yml"), state)
        with site.store.open(ObjectEvent(bucket_name="my-logs", object_key=key)) as stored:
            event = ObjectEvent(bucket_name="my-logs", object_key=key, object_etag=stored.etag)
        if is_dropped:
            state.ledger.drop(event)
            return
        tuple(state.ledger.finish(event, Outcome(events=events or len(records))))


def lines(project: Project, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in project.slips("tap", "--since", "1h", "--json", *args).out.splitlines()]


# ---- what is shown


def test_events_bad_records_and_failed_objects_are_shown_as_lines(project: Project) -> None:
    done(project, "json/a", {"n": 1, "message": "hello"}, b"bad \x1b[31m\n", {"n": 2})
    with closing(project.state()) as state:
        state.errors.put(
            ErrorItem(request_id="r1", events=[object_event("json/b")], message="s3://my-logs/json/b: no \x1b such key")
        )
        tuple(state.ledger.fail(object_event("json/b"), Outcome(), "r1"))
    out = project.slips("tap", "--since", "1h", "--limit", "4").out.splitlines()
    assert len(out) == 4
    assert any(
        "QUARANTINED  s3://my-logs/json/a: record 2: " in line and line.endswith(": bad \\x1b[31m") for line in out
    )
    assert any(line.endswith("FAILED  s3://my-logs/json/b: no \\x1b such key") for line in out)
    assert [line for line in out if "hello" in line]


def test_json_has_an_event_a_line_with_its_object_and_record(project: Project) -> None:
    done(project, "json/a", {"n": 1})
    (shown,) = lines(project, "--limit", "1")
    assert (shown["kind"], shown["object"], shown["seq"], shown["event"]) == (
        "event",
        "s3://my-logs/json/a",
        1,
        {"n": 1},
    )
    assert abs(times.iso(shown["time"], "time") - time.time()) < 3600, "without a time of its own, that of the run"


@pytest.mark.parametrize(
    ("args", "seen"),
    [
        (["--grep", "needle"], [7]),
        (["--mapping", "slow/"], [1]),
        (["--mapping", "my-logs/slow/"], [1]),
        (["s3://my-logs/slow/"], [1]),
        (["logs/slow"], [1]),
    ],
)
def test_the_tap_shows_what_was_asked_for_alone(project: Project, args: list[str], seen: list[int]) -> None:
    done(project, "json/a", *({"n": n, "x": "needle" if n == 7 else "hay"} for n in range(2, 20)))
    done(project, "slow/b", {"n": 1})
    assert [each["event"]["n"] for each in lines(project, "--limit", "1", *args)] == seen


def test_tags_are_chosen_by_a_pattern(project: Project) -> None:
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", "[s3-lines, json, okta]"))
    event = {"eventType": "user.session.start", "published": "2026-01-01T00:00:00Z", "version": "0", "uuid": "u"}
    done(project, "json/a", event)
    done(project, "slow/b", {"n": 1})
    (shown,) = lines(project, "--tag", "okta.*", "--limit", "1")
    assert (shown["object"], shown["tag"]) == ("s3://my-logs/json/a", "okta.system")


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["--rate", "0"], "--rate: '0' cannot be used; expected a number of events a second, such as 20 or 0.5"),
        (["--rate", "nan"], "--rate: 'nan' cannot be used; "),
        (["--mapping", "nothing/"], "--mapping: 'nothing/' is no prefix or pattern of 'bucket_mapping'; "),
        (["s3://other/"], "s3://other/: bucket 'other' has no mapping; "),
        (["--since", "soon"], "--since: 'soon' is no time; "),
        (["--limit", "0"], "--limit 0: out of range; "),
    ],
)
def test_what_cannot_be_used_is_refused(project: Project, args: list[str], error: str) -> None:
    refused = project.slips("tap", *args)
    assert (refused.status, refused.out) == (2, "")
    assert f"slips: {error}" in refused.err


# ---- how it reads


@contextmanager
def tapping(project: Project, **options: Any) -> Iterator[tuple[Tap, list[float], list[str]]]:
    """A tap of all that has passed, the seconds for which it sleeps, and the statements that it gives to SQLite."""
    slept, statements = list[float](), list[str]()
    config = load(project.root / "slips.yml")
    with closing(project.state()) as state:
        site = MachineSite(config, state)
        wanted = options.pop("wanted", TapFilter(selection_of(site, [], [])))
        options = {"rate": 100.0, "clock": lambda: 0.0, "sleep": slept.append, **options}
        state._connection.set_trace_callback(statements.append)
        yield Tap(site, MachineOperations(config, state), wanted, 0.0, **options), slept, statements


def test_a_tap_writes_nothing_and_reads_what_passed_by_an_index(project: Project) -> None:
    done(project, "json/a", {"n": 1})
    with tapping(project) as (tap, _, statements):
        assert [each.event for each in tap.look()] == [{"n": 1}]
        assert list(tap.look()) == [], "it has passed already"
        assert {each.split()[0] for each in statements} == {"SELECT"}
    with closing(project.state()) as state:
        query = next(each for each in statements if "updated_at >" in each)
        ((*_, plan),) = state.select(f"EXPLAIN QUERY PLAN {query}")
    assert "INDEX ledger_concluded (updated_at>?)" in plan


def test_a_tap_rests_four_times_as_long_as_it_computes(project: Project) -> None:
    done(project, "json/a", {"n": 1})
    seconds = iter(range(1_000))
    with tapping(project, computed=lambda: float(next(seconds))) as (tap, slept, _):
        shown = list(tap.look())
    used = next(seconds) - 1
    assert len(shown) <= 1
    assert slept == [4.0 * used]


def test_no_more_is_shown_than_the_rate_allows_and_the_rest_is_counted(project: Project) -> None:
    done(project, "json/a", *({"n": n} for n in range(50)))
    done(project, "json/b", *({"n": n} for n in range(50)))
    now = [0.0]
    with tapping(project, rate=10.0, clock=lambda: now[0]) as (tap, _, _statements):
        first = list(tap.look())
        assert (len(first), tap.tally.shown, tap.tally.objects, tap.tally.events) == (10, 10, 2, 100)
        done(project, "json/c", {"n": 1})
        assert list(tap.look()) == []
        now[0] = 0.1
        done(project, "json/d", {"n": 1})
        assert len(list(tap.look())) == 1
    assert _words(tap.tally) == "11 events shown, about 1 in 9; 3 of 4 objects looked at"


def test_of_many_objects_a_few_are_opened(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OBJECTS", 3)
    for number in range(9):
        done(project, f"json/{number}", {"n": number})
    with tapping(project) as (tap, _, _statements):
        assert len(list(tap.look())) == 3
        assert (tap.tally.objects, tap.tally.opened, tap.tally.events) == (9, 3, 9)


def test_an_object_that_was_deleted_or_overwritten_is_skipped_with_a_word(project: Project) -> None:
    for key in "abc":
        done(project, f"json/{key}", {"n": 1})
    (project.bucket / "json/a").unlink()
    project.put("json/b", {"n": 2})
    with tapping(project) as (tap, _, _statements):
        assert [each.object for each in tap.look()] == ["s3://my-logs/json/c"]
        assert (tap.tally.gone, tap.tally.unreadable) == (2, 0)
    assert _words(tap.tally).endswith("; 1 of 3 objects looked at; 2 deleted or overwritten since")


def test_a_damaged_object_shows_what_can_be_read(project: Project) -> None:
    import gzip

    packed = gzip.compress(b'{"n": 1}\n' + os.urandom(100_000).hex().encode())
    done(project, "json/a", packed[:-5_000], events=1)
    with tapping(project) as (tap, _, _statements):
        assert [each.seq for each in tap.look() if each.kind == "event"] == [1]
        assert tap.tally.unreadable == 1


def test_what_was_dropped_is_not_read(project: Project) -> None:
    done(project, "json/a", {"n": 1}, is_dropped=True)
    with tapping(project) as (tap, _, _statements):
        assert list(tap.look()) == []


def test_each_of_many_events_has_the_same_chance() -> None:
    counts = [0] * 10
    for _ in range(2_000):
        picked = _Picked(3)
        for number in range(10):
            if picked.is_next():
                picked.add(module.Shown(kind="event", object="", time=0.0, seq=number))
        assert len({each.seq for each in picked.kept}) == 3
        for each in picked.kept:
            counts[each.seq] += 1
    assert min(counts) > 400, "600 of 2,000 are expected of each"
    assert max(counts) < 800


def test_a_long_object_is_left_behind_its_seconds() -> None:
    seconds = [0.0]
    budget = _Budget(lambda: seconds[0], 1.0)
    assert (budget.due, budget.tick(1)) == (True, False)
    seconds[0] = 1.0
    assert budget.tick(2)


def test_shares_are_said_where_something_was_left_out() -> None:
    assert _words(TapTally(objects=1, opened=1, events=3, shown=3)) == "3 events shown; 1 of 1 object looked at"
    assert _words(TapTally(objects=9)) == "0 events shown; 0 of 9 objects looked at"


# ---- live


@pytest.mark.slow
def test_events_appear_while_a_run_works_and_ctrl_c_is_the_proper_end(project: Project) -> None:
    with closing(project.state()):
        pass  # there is a state before the tap begins
    with project.start("tap", "--json", "--since", "1h") as tap:
        assert tap.stdout is not None
        project.put("json/a", {"n": 1})
        assert project.slips("run").status == 0
        assert json.loads(tap.stdout.readline())["event"] == {"n": 1}
        tap.send_signal(signal.SIGINT)
        _, err = tap.communicate(timeout=GUARD)
    assert (tap.returncode, err) == (0, "slips: 1 event shown; 1 of 1 object looked at\n")


# ---- on a stack


def logged(*ends: Success | Failure) -> list[str]:
    """The lines that MainFunc logs about these runs."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonLines())
    handler.terminator = ""
    log, meter = logging.getLogger("slips"), Meter("test", io.StringIO())
    before, log.propagate = log.level, False
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        for each in ends:
            if isinstance(each, Success):
                meter.succeeded(each, 0)
            else:
                meter.failed(each, final=True)
                meter.failed(each, final=False)
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
        log.propagate = True
    return text.getvalue().splitlines()


def test_the_log_of_a_stack_names_what_passed_and_the_tap_opens_it(cloud: Cloud) -> None:
    etag = cloud.put("json/a", {"n": 1}, {"n": 2})["ETag"].strip('"')
    event = ObjectEvent(bucket_name="my-logs", object_key="json/a", object_etag=etag)
    other = ObjectEvent(bucket_name="my-logs", object_key="json/b")
    now = time.time() - LATE - 5
    said = logged(
        Success(event, Outcome(records=2, delivered=2, events=2, etag=etag, identity=etag)),
        Failure(other, "handler", "KeyError", "it failed", retryable=False),
    )
    cloud.say("MainFunc", *((now + number / 100, text) for number, text in enumerate(said)), (now + 1, "START s3://"))
    args = ["tap", "--aws", "--since", "10m", "--json", "--limit", "3"]
    shown = [json.loads(line) for line in cloud.slips(*args).out.splitlines()]
    assert sorted((each["kind"], each["object"], each["seq"]) for each in shown) == [
        ("event", "s3://my-logs/json/a", 1),
        ("event", "s3://my-logs/json/a", 2),
        ("failed", "s3://my-logs/json/b", 0),
    ]
    assert [each["message"] for each in shown if each["kind"] == "failed"] == ["it failed"]
    cloud.say("MainFunc", (time.time(), said[0]), stream="late")
    operations = StackOperations(cloud.stack())
    sample, total, until = operations.passed(now - 1, 1, lambda bucket, key: bucket == "my-logs")
    assert (len(sample), total, until < time.time() - LATE + 1) == (1, 2, True), "the latest belongs to the next look"
    assert operations.passed(until, 1, lambda *_: True)[:2] == ([], 0)
    assert operations.passed(now - 1, 9, lambda bucket, key: key == "json/b")[1] == 1


def test_only_lines_about_the_end_of_a_run_name_an_object_that_passed() -> None:
    first, last, again = (
        json.loads(line)
        for line in logged(
            Success(
                object_event("a/b", object_etag="e", object_version_id="v"), Outcome(events=3, etag="e", identity="v")
            ),
            Failure(object_event("c"), "handler", "KeyError", "why", retryable=True),
        )
    )
    found = passed_of(first, 1.0)
    assert found is not None
    assert (found.event.object_key, found.event.identity, found.events, found.has_failed) == ("a/b", "v", 3, False)
    failed = passed_of(last, 1.0)
    assert failed is not None
    assert (failed.event.object_key, failed.has_failed, failed.reason) == ("c", True, "why")
    assert passed_of(again, 1.0) is None, "another attempt follows"
    assert passed_of({"message": "done", "object": 7}, 1.0) is None
