"""The pages of the console: what a person sees of a place, and finds again, whatever is in keys and messages."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from consoles import Browser, FakeStack, browser_of, browser_of_stack, text_of
from fakes import object_event
from projects import Project
from slips.console import failing
from slips.console.desk import Recent
from slips.console.failing import Survey
from slips.console.pages import asset, url
from slips.console.wording import ago, price, size
from slips.errors import StateError
from slips.model import ErrorItem, Outcome, Sample, format_time
from slips.operations import Alarm, ServiceCounts, ServiceTroubles
from slips.pipeline.choose import Choice
from slips.printable import duration

pytestmark = pytest.mark.once

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u202e\x1b[7m{{ 1234567*81 }}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a state that a real run has made: 3 objects are done, one of them with bad records, 2 failed."""
    project = Project(tmp_path_factory.mktemp("ran"))
    project.put("json/good", *[{"n": 1}] * 6)
    project.put("json/bad", {"n": 1}, b"{bad\n", b"\xff\xfe\x00\x01\n")
    project.put("slow/good", {"n": 1})
    project.put("json/x-1", {"n": 1}, {"n": 9})
    project.put("json/x-2", {"n": 9})
    done = project.slips("run", "--workers", "1")
    assert done.status == 1, done
    return project


@pytest.fixture
def browser(ran: Project) -> Browser:
    return browser_of(ran)


@pytest.fixture
def copied(ran: Project, tmp_path: Path) -> Project:
    """A project of the same state that a test may change."""
    shutil.copytree(ran.root, tmp_path / "copy")
    project = Project.__new__(Project)
    project.root, project.bucket = tmp_path / "copy", tmp_path / "copy" / "logs"
    return project


def item(request_id: str, **about: Any) -> ErrorItem:
    known = {"stage": "handler", "error_type": "KeyError", "message": "no 'user'", "fingerprint": "f00d"}
    known["failed_at"] = "2026-01-01T00:00:00Z"
    event = object_event(request_id, lane="slow", object_size=1_000)
    return ErrorItem(request_id=request_id, **{"events": [event], **known, **about})


# ---- NOW


def test_now_says_what_is_lost_what_fails_and_that_records_add_up(browser: Browser) -> None:
    text = browser.text("/")
    assert re.search(r"✕ 2 objects failed \(the first \d+ \w+ ago\)", text)
    assert "! 1 object with bad records" in text
    assert "✓ Nothing is lost: each record that was read is delivered, filtered or quarantined" in text
    assert "records delivered filtered quarantined 10 = 8 + 0 + 2" in text
    assert "Adds up in each of 3 runs" in text
    assert re.search(r"\d objects in the last 5 min", text)
    assert "fast 0 – – 3 none Pause slow 0 – – 0 none Pause" in text
    assert "done 3 failed 2" in text
    assert re.search(r"2 handler KeyError .* record \d: Count.recv raised KeyError: 'severity' since \d+ \w+ ago", text)


def test_now_refreshes_its_live_part_alone(browser: Browser) -> None:
    page, live = browser.get("/"), browser.get("/live")
    assert 'hx-get="/live" hx-trigger="every 5s" hx-target="#live"' in page
    title, _, part = live.partition("\n")
    assert ("<html" in live, title in page, part.strip() in page) == (False, True, True)
    assert title == "<title>(3) Now · test · slips</title>"


def test_records_that_do_not_add_up_are_told_first(copied: Project) -> None:
    state = copied.state()
    tuple(state.ledger.finish(object_event("json/z"), Outcome(records=5, delivered=2, quarantined=1)))
    state.close()
    text = browser_of(copied).text("/")
    assert text.index("1 run with records") < text.index("2 objects failed")
    assert "Does not add up in 1 of 4 runs" in text
    assert "Nothing is lost" not in text


def test_what_a_running_service_cannot_use_is_told(project: Project) -> None:
    with closing(project.state()) as state:
        state.service.begin("slips up")
        state.service.beat(
            ServiceCounts(), ServiceTroubles({"listing of my-logs": "S3 denies <b>all</b>"}, "handler.py: no class")
        )
        browser = browser_of(project)
        text = browser.text("/")
        assert "'slips up' cannot use listing of my-logs: S3 denies <b>all</b>" in text
        assert "'slips up' has not reloaded: handler.py: no class" in text
        assert "denies <b>" not in browser.get("/")


def test_what_waits_on_a_lane_is_shown_with_its_age(copied: Project) -> None:
    state = copied.state()
    state.stream.put("slow", [object_event("slow/w", lane="slow")])
    state.close()
    text = browser_of(copied).text("/")
    assert re.search(r"slow 1 \d+ \w+ – 0 none", text)
    assert "! 1 object event on the lanes, and no 'slips up' runs here" in text


def test_the_first_failure_is_that_of_all_groups(project: Project) -> None:
    for number in range(7):
        for count in range(7 - number):
            at = "2018-03-29T16:35:15Z" if number == 6 else "2026-01-01T00:00:00Z"
            project.fail(f"r{number}{count}", f"json/{number}{count}", fingerprint=f"f{number}", failed_at=at)
    browser = browser_of(project, clock=lambda: 1_522_341_315.0 + 3_600)
    assert "28 objects failed (the first 1 h 0 min ago)" in browser.text("/")


def test_a_new_place_is_told_to_be_quiet(project: Project) -> None:
    text = browser_of(project).text("/")
    assert "✓ Nothing fails" in text
    assert "No errors." in text
    assert "No errors: nothing fails." in browser_of(project).text("/errors")


def test_nothing_fails_is_not_said_while_an_object_is_tried_again(project: Project) -> None:
    with closing(project.state()) as state:
        state.stream.put("slow", [object_event("slow/a"), object_event("slow/b")])
        state.stream.failed_attempt(state.stream.take(1, {})[0])
    text = browser_of(project).text("/")
    assert "! 1 object on lane slow is tried again after a failed attempt" in text
    assert "Nothing fails" not in text


def test_a_stack_counts_its_ledger_only_when_a_person_asks_and_keeps_the_counts() -> None:
    stack = FakeStack()
    stack.ledger.finish(object_event("a"), Outcome(records=2, delivered=2))
    stack.waiting, stack.alarms = 4, [Alarm("my-stack-Errors", "2026-01-01T00:00:00Z", "errors in the table")]
    browser = browser_of_stack(stack)
    text = browser.text("/")
    assert (stack.tallies, "Not counted" in text, "Count now" in text) == (0, True, True)
    assert "about 4 undelivered messages" in text
    assert "alarm my-stack-Errors: errors in the table" in text
    assert "fast 7 3 s – 0 none Pause slow 7 3 s – 0 18,000 an hour Pause" in text
    assert "2 = 2 + 0 + 0" in browser.text("/?count=1")
    assert "2 = 2 + 0 + 0" not in text
    browser.console.now.forget()
    assert "2 = 2 + 0 + 0" in browser.text("/live")
    assert stack.tallies == 1


def test_polling_reads_the_place_once_however_many_pages_ask() -> None:
    now, calls = [0.0], [0]

    def compute() -> int:
        calls[0] += 1
        now[0] += 2.0
        return calls[0]

    recent = Recent(compute, seconds=5.0, clock=lambda: now[0])
    assert [recent.get(), recent.get()] == [1, 1]
    now[0] += 39.0  # a value that took 2 s is kept for 40
    assert recent.get() == 1
    now[0] += 1.0
    assert recent.get() == 2
    recent.forget()
    assert recent.get() == 3


def test_a_value_that_takes_long_is_that_of_before_and_an_act_makes_it_void() -> None:
    steps = [(value, threading.Event()) for value in "abc"]
    waiting, begun = iter(steps), threading.Semaphore(0)

    def compute() -> str:
        value, may_end = next(waiting)
        begun.release()
        assert may_end.wait(300)
        return value

    recent = Recent(compute, seconds=0.0, clock=lambda: 0.0)
    assert recent.get_within(0.0) is None
    assert begun.acquire(timeout=300)
    steps[0][1].set()
    assert recent.get() == "a"
    assert recent.get_within(0.0) == "a"
    assert begun.acquire(timeout=300), "b is computed"
    recent.forget()
    assert recent.get_within(0.0) is None
    assert begun.acquire(timeout=300), "c is computed"
    for _, may_end in steps:
        may_end.set()
    assert recent.get() == "c"


def test_what_computing_raises_is_raised_and_tried_again() -> None:
    outcomes: list[Any] = [StateError("locked"), "free"]

    def compute() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    recent = Recent(compute, seconds=5.0)
    with pytest.raises(StateError, match="locked"):
        recent.get()
    assert recent.get() == "free"


def test_a_page_shows_lanes_at_once_and_counts_when_they_are_there(
    ran: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, go_on = browser_of(ran), threading.Event()
    browser.console.patience = 0.0
    survey = browser.console.surveyed

    def slow(choice: Choice) -> Survey:
        assert go_on.wait(300)
        return survey(choice)

    monkeypatch.setattr(browser.console, "surveyed", slow)
    html = browser.get("/")
    assert "Objects and errors are being counted" in text_of(html)
    assert "3 errors, being grouped" in text_of(html)
    assert 'hx-trigger="every 2s"' in html
    go_on.set()
    browser.console.now.get()
    assert "2 objects failed" in browser.text("/live")


def test_a_state_without_runs_does_not_claim_that_nothing_is_lost(project: Project) -> None:
    text = browser_of(project).text("/")
    assert "Nothing was processed yet" in text
    assert "Nothing is lost" not in text
    assert "Adds up" not in text


def test_a_state_that_cannot_be_read_is_told_on_a_page(copied: Project) -> None:
    browser = browser_of(copied)
    shutil.rmtree(copied.root / "state")
    (copied.root / "state").write_text("in the way")
    text = browser.text("/errors", 500)
    assert "the state cannot be used" in text
    assert "Traceback" not in text


def test_an_unknown_page_is_no_page(browser: Browser) -> None:
    assert "there is no such page" in browser.text("/nothing", 404)
    assert browser.get("/static/../app.py", 404)


# ---- ERRORS


def test_errors_are_grouped_with_count_span_mapping_and_a_picture_of_when(browser: Browser) -> None:
    html = browser.get("/errors")
    text = text_of(html)
    assert "3 items in 2 groups of alike errors" in text
    assert re.search(r"2 handler KeyError .*my-logs/json/ 2 \d+ \w+ ago \d+ \w+ ago", text)
    assert re.search(r"1 parse RecordError .*my-logs/json/ 1", text)
    assert html.count('<svg class="spark"') == 2
    assert re.search(r'role="img" aria-label="2 failures from [-\d]+ [:\d]+ to [-\d]+ [:\d]+, most of them', html)
    assert "$ slips" not in text
    assert "slips errors --group" in text


def test_the_pages_of_errors_name_the_commands_that_show_the_same(browser: Browser) -> None:
    assert "slips errors --group --since 2h --type records Copy" in browser.text("/errors?type=records&since=2h")
    group = next(each.group for each in browser.console.survey.get().groups if each.group.stage == "parse")
    assert f"slips error {group.request_ids[0]} Copy" in browser.text(url("/error", id=group.request_ids[0]))


def test_errors_are_filtered_as_the_command_does(browser: Browser) -> None:
    assert "1 item in 1 group" in browser.text("/errors?type=records")
    assert "No error fits." in browser.text("/errors?prefix=my-logs/slow/")
    assert "--since: 'yesterday' is no time" in browser.text("/errors?since=yesterday", 400)


def test_a_sparkline_has_each_failure_in_its_part_of_the_time() -> None:
    end = 1_000_000.0
    times = [end - 24 * 3_600, end - 24 * 3_600 + 10, end - 3_599, end]
    items = [item(f"r{n}", failed_at=f"{format_time(at)}") for n, at in enumerate(times)]
    (view,) = failing.survey(items, lambda _: "x", end).groups
    assert view.counts == [2, *[0] * 22, 2]
    assert view.label.startswith(
        "4 failures from 1970-01-11 13:46:40 to 1970-01-12 13:46:40, most of them from 1970-01"
    )


def test_items_without_a_time_are_counted_and_their_time_is_unknown() -> None:
    (view,) = failing.survey([item("r1", failed_at="")], lambda _: "x", 1e6).groups
    assert (view.group.count, view.label) == (1, "the times of these failures are not known")


# ---- ERROR


def test_an_error_has_its_traceback_event_and_facts(browser: Browser) -> None:
    fingerprint = next(each.group for each in browser.console.survey.get().groups if each.group.count == 2).fingerprint
    text = browser.text(url("/error", id=fingerprint))
    assert "handler KeyError" in text
    assert "One of 2 alike errors , of which this is the latest" in text
    assert 'raise KeyError("severity")' in text
    assert '"n": 9' in text
    assert re.search(r"s3://my-logs/json/x-\d \d+ B, lane fast", text)
    assert "slips test -r " in text


def test_a_bad_record_is_shown_as_text_or_where_it_is_none_in_hexadecimal_digits(browser: Browser) -> None:
    group = next(each.group for each in browser.console.survey.get().groups if each.group.stage == "parse")
    text = browser.text(url("/error", id=group.request_ids[0]))
    assert "The only error of its kind." in text
    assert "Record 2" in text
    assert "{bad" in text
    assert "000000 ff fe 00 01 ...." in text


def test_a_long_binary_record_is_cut() -> None:
    sample = Sample.of(1, "no", bytes(range(256)) * 40, 10_240)
    shown = failing.hex_dump(sample).splitlines()
    assert len(shown) == failing.HEX_BYTES // 16 + 1
    assert shown[-1] == f"… {10_240 - failing.HEX_BYTES:,} bytes more"


def test_an_error_that_is_gone_is_told(browser: Browser) -> None:
    assert "no error item 'gone'" in browser.text("/error?id=gone", 400)


# ---- hostile content


@pytest.fixture
def hostile(project: Project) -> Browser:
    event = object_event(f"json/{HOSTILE}", bucket_name=f"b{HOSTILE}")
    sample = Sample(1, HOSTILE, HOSTILE, member=HOSTILE, truncated=True)
    of_records: dict[str, Any] = {"kind": "records", "samples": [sample], "records": [(1, None)]}
    for number, about in enumerate([{}, of_records]):
        project.fail(
            f"{number}{HOSTILE}",
            events=[event],
            stage=HOSTILE,
            error_type=HOSTILE,
            message=HOSTILE,
            traceback=HOSTILE,
            failed_at=HOSTILE if number else "2026-01-01T00:00:00Z",
            fingerprint=f"{number}-group",
            handler=HOSTILE,
            code_version=HOSTILE,
            event={HOSTILE: [HOSTILE]},
            **about,
        )
    return browser_of(project, options=["-c", HOSTILE])


class Elements(HTMLParser):
    """The elements of a page, as a browser finds them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/errors",
        url("/errors", prefix=HOSTILE, type=HOSTILE),
        url("/errors", since=HOSTILE),
        url("/error", id="0-group"),
        url("/error", id=f"1{HOSTILE}"),
        url("/error", id=f"none {HOSTILE}"),
        "/error?id=%ff%ed%a0%80",
        "/errors?prefix=%ff%ed%a0%80&type=%ff&group=%ff",
        "/plan?act=canary",
        url("/plan", act="dismiss", group=["0-group", "1-group"], prefix=""),
        url("/plan", act="dismiss", id=f"1{HOSTILE}"),
        url("/plan", act=HOSTILE),
        "/nothing" + quote(HOSTILE),
    ],
)
def test_no_page_has_markup_or_steering_characters_of_keys_and_messages(hostile: Browser, path: str) -> None:
    html = hostile.client.get(path).text
    assert {c for c in html if not c.isprintable()} == {"\n"}
    assert "99999927" not in html, "no text is a template"
    found = Elements()
    found.feed(html)
    assert not found.names & {"img", "iframe", "object", "embed", "style", "base"}
    assert found.names >= {"html", "h1"}
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert found.scripts == [asset("htmx.min.js"), asset("console.js")]


def test_an_id_with_any_characters_leads_to_its_error(hostile: Browser) -> None:
    text = hostile.text(url("/error", id=f"0{HOSTILE}"))
    assert "0<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\\u202e\\x1b[7m{{ 1234567*81 }}" in text


# ---- words


def test_a_price_below_a_cent_is_not_nothing() -> None:
    assert [price(dollars) for dollars in (0.0, 0.009, 0.01, 1234.5)] == [
        *("less than a cent", "less than a cent", "about $0.01", "about $1,234.50"),
    ]


def test_sizes_and_durations_are_for_people() -> None:
    assert [size(n) for n in (0, 999, 1_000, 1_234_567, 5e18)] == ["0 B", "999 B", "1.0 KB", "1.2 MB", "5,000.0 PB"]
    assert [duration(s) for s in (-1, 59, 60, 7_800, 2 * 86_400)] == ["0 s", "59 s", "1 min", "2 h 10 min", "2 d 0 h"]
    times = ("2001-09-09T01:45:40Z", "soon", "")
    assert [ago(text, 1e9) for text in times] == ["1 min ago", "soon", "at an unknown time"]


def test_unreadable_items_do_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from slips.errors import UnreadableItemError

    def scan() -> Iterator[ErrorItem]:
        yield item("r1")
        raise UnreadableItemError("1 item cannot be read: r0")

    found = failing.survey(scan(), lambda _: "x", 1e9)
    assert (found.items, [str(each) for each in found.problems]) == (1, ["1 item cannot be read: r0"])
    assert issubclass(UnreadableItemError, StateError)
    assert replace(found.groups[0].group, request_ids=[]).count == 1
