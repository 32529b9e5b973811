"""The page OBJECTS: a search with states, the audit with its repair, and when objects came by day and hour."""

from __future__ import annotations

import os
import re
from html import unescape
from typing import Any

import pytest

from consoles import Browser, FakeStack, browser_of, browser_of_stack, text_of
from fakes import object_event
from projects import Project
from slips.console.objects import LEVELS, Hour, calendar
from slips.console.pages import url
from slips.errors import SlipsError
from slips.model import ErrorItem, Outcome
from slips.pipeline.audit import Audit, Found, PartAudit
from slips.tally import HourCounts, LedgerTally

pytestmark = pytest.mark.once


def finish(project: Project, key: str, **counts: Any) -> None:
    """Put an object, and let the ledger have its content as done."""
    project.put(key, {"n": 1})
    state = project.state()
    (event,) = (each for each in listed(project) if each.object_key == key)
    tuple(state.ledger.finish(event, Outcome(**(counts or {"records": 1, "delivered": 1}))))
    state.close()


def listed(project: Project) -> list[Any]:
    from slips.config import load
    from slips.place import Place

    with Place(None).site(load(project.root / "slips.yml")) as (site, _):
        return list(site.listed("my-logs", ""))


@pytest.fixture
def browser(project: Project) -> Browser:
    finish(project, "json/a")
    finish(project, "json/b", records=3, delivered=2, quarantined=1)
    project.put("json/<b>new</b>", {"n": 1})
    project.put("slow/d", {"n": 1})
    project.fail("r1", "slow/d")
    os.utime(project.bucket / "slow/d", (1e9, 1e9))
    return browser_of(project)


# ---- search


def test_objects_below_a_prefix_are_found_with_state_records_and_size(browser: Browser) -> None:
    html = browser.get("/objects?place=my-logs/")
    text = browser.text("/objects?place=my-logs/")
    assert "4 found, of 4 looked at." in text
    assert re.search(r"s3://my-logs/json/<b>new</b> unknown in neither ledger, lane nor \w+ table 9 B", text)
    assert re.search(r"s3://my-logs/json/a done 1 9 B", text)
    assert re.search(r"s3://my-logs/json/b done 3 \(1 bad\) 9 B", text)
    assert re.search(r"s3://my-logs/slow/d failed 9 B \d+ d \d+ h ago", text)
    assert f'href="{url("/errors", prefix="my-logs/slow/d")}"' in html


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("place=my-logs/json/&state=done", ["json/a", "json/b"]),
        ("place=s3://my-logs/json/a", ["json/a"]),
        ("place=my-logs&state=failed&until=2002-01-01", ["slow/d"]),
        ("place=my-logs&since=2002-01-01&state=unknown", ["json/<b>new</b>"]),
        ("place=my-logs/none", []),
    ],
)
def test_a_search_is_narrowed_by_prefix_state_and_time(browser: Browser, query: str, keys: list[str]) -> None:
    text = browser.text(f"/objects?{query}")
    assert re.findall(r"s3://my-logs/(\S+) (?:done|failed|unknown)", text) == keys
    assert ("No object there" in text) == (not keys)


@pytest.mark.parametrize("query", ["place=other/x", "place=my-logs&state=odd", "place=my-logs&since=soon"])
def test_a_search_that_makes_no_sense_is_refused(browser: Browser, query: str) -> None:
    assert "expected" in browser.text(f"/objects?{query}", 400)


def test_a_search_ends_after_so_many_objects_and_says_so(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slips.console.objects.LISTED", {"machine": 2})
    assert "2 found, of 2 looked at: there are more" in browser.text("/objects?place=my-logs/")
    monkeypatch.setattr("slips.console.objects.LISTED", {"machine": 20})
    monkeypatch.setattr("slips.console.objects.SHOWN", 3)
    assert "3 found, of 3 looked at: there are more" in browser.text("/objects?place=my-logs/")
    monkeypatch.setattr("slips.console.objects.SHOWN", 4)
    assert "4 found, of 4 looked at." in browser.text("/objects?place=my-logs/")


@pytest.mark.parametrize("kind", ["machine", "stack"])
def test_a_search_goes_on_behind_the_last_key_that_it_has_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("slips.console.objects.LISTED", {kind: 2})
    keys = ["json/a", "json/b\u202e", "json/b&c", "json/d", "json/e"]
    stack = FakeStack()
    for key in keys:
        project.put(key, {"n": 1})
        stack.objects.objects[key] = b"1\n"
    config = project.root / "slips.yml"
    browser = browser_of(project) if kind == "machine" else browser_of_stack(stack, config_file=config)
    html, found = browser.get("/objects?place=my-logs/json/&state=unknown"), list[str]()
    while True:
        found += re.findall(r"s3://my-logs/(\S+) unknown", text_of(html))
        more = re.search(r'<a id="more" href="([^"]+)"', html)
        if more is None:
            break
        html = browser.get(unescape(more[1]))
    assert found == ["json/a", "json/b&c", "json/b\\u202e", "json/d", "json/e"]


def test_the_mapped_prefixes_are_offered(browser: Browser) -> None:
    assert re.findall(r'<option value="([^"]*)">', browser.get("/objects")) == [
        *("my-logs/json/", "my-logs/slow/", "my-logs/dropped/", ""),
    ]


def test_a_stack_is_asked_for_the_objects_of_a_search_alone(project: Project) -> None:
    stack = FakeStack()
    stack.objects.objects |= {"json/a": b"1\n", "json/b": b"22\n", "json/c": b"3\n", "other": b""}
    events = {event.object_key: event for event in stack.objects.list("my-logs", "json/")}
    tuple(stack.ledger.finish(events["json/a"], Outcome(records=7, delivered=7)))
    item = ErrorItem(request_id="r1", events=[object_event("json/b")], failed_at="2026-01-01T00:00:00Z")
    stack.errors.put(item)
    text = browser_of_stack(stack, config_file=project.root / "slips.yml").text("/objects?place=my-logs/json/")
    states = [("json/a", "done"), ("json/b", "failed"), ("json/c", "unknown")]
    assert re.findall(r"s3://my-logs/(\S+) (\w+)", text) == states
    assert stack.tallies == 0


def test_a_stack_without_a_config_says_what_a_search_needs() -> None:
    text = browser_of_stack(FakeStack()).text("/objects?place=my-logs/", 400)
    assert "no config of this stack is here; expected one; start the console with -c FILE" in text


# ---- audit


def test_an_audit_is_proposed_run_in_the_background_and_shown_on_both_pages(browser: Browser) -> None:
    assert "Not audited yet" in browser.text("/")
    assert "Changes nothing." in browser.text("/plan?act=audit")
    text = browser.act(act="audit")
    assert "4 objects: 2 done, 1 failed, 1 missing" in text
    assert "4 records = 3 delivered + 0 filtered + 1 quarantined" in text
    page = browser.text("/objects")
    assert "1 missing, 1 failed." in page
    assert "my-logs/json/ 3 2 0 0 1 0 0 4" in page
    assert "all 4 2 1 0 1 0 0 4" in page
    assert "1 missing s3://my-logs/json/<b>new</b> 9 B" in page
    now = browser.text("/")
    assert re.search(r"✕ 1 object missing, by the audit \d+ \w+ ago", now)
    assert "2 done, 1 missing , 0 changed since" in now


def test_a_repair_is_offered_for_what_is_missing_and_puts_it_on_its_lane(browser: Browser, project: Project) -> None:
    assert "There is nothing to do" in browser.text("/plan?act=repair")
    browser.act(act="audit")
    assert "1 object at the latest audit" in browser.text("/plan?act=repair")
    text = browser.act(act="repair")
    assert "put back: 1 on lane fast" in text
    state = project.state()
    assert list(state.stream.objects()) == [("my-logs", "json/<b>new</b>")]
    state.close()


def test_an_audit_outlives_its_console_and_one_that_a_command_has_made_is_shown(
    browser: Browser, project: Project
) -> None:
    browser.act(act="audit")
    other = browser_of(project)
    assert re.search(r"✕ 1 object missing, by the audit \d+ \w+ ago", other.text("/"))
    page = other.text("/objects")
    assert "1 missing, 1 failed." in page
    assert "my-logs/json/ 3 2 0 0 1 0 0 4" in page
    assert "all 4 2 1 0 1 0 0 4" in page
    assert "1 missing s3://my-logs/json/<b>new</b> 9 B" in page
    assert "Missing 1 object at the latest audit Bytes 9 B as stored" in other.text("/plan?act=repair")
    other.act(act="repair")
    for each in (other, browser_of(project)):
        assert "missing, by the audit" not in each.text("/")
        assert "0 missing, 1 failed." in each.text("/objects")
        assert "my-logs/json/ 3 2 0 1 0 0 0 4" in each.text("/objects")
        assert "2 done, 0 missing" in each.text("/")


def test_a_clean_audit_says_so(project: Project) -> None:
    finish(project, "json/a")
    browser = browser_of(project)
    browser.act(act="audit")
    assert "Every listed object is accounted for." in browser.text("/objects")
    assert "Put back" not in browser.text("/objects")


def test_an_audit_that_fails_keeps_the_one_before(browser: Browser, project: Project) -> None:
    browser.act(act="audit")
    before = browser.console.audits.last
    (project.root / "slips.yml").write_text("stack_name: [")
    assert "slips.yml:1" in browser.act(act="audit")
    assert browser.console.audits.last is before
    with pytest.raises(SlipsError):
        browser.console.desk.config()


# ---- the map


def test_the_map_has_a_cell_for_each_hour_of_the_latest_days() -> None:
    hour = 480_000 - 480_000 % 24
    tally = LedgerTally(hours={hour - 24 * day + 3: HourCounts(10, day == 0) for day in range(20)})
    made = calendar(None, tally)
    assert made is not None
    assert (len(made.days), made.most) == (14, 10)
    assert made.days[-1][0] == "2024-10-04"
    assert [each.objects for each in made.days[-1][1]] == [*[0] * 3, 10, *[0] * 20]
    assert [hours[3].bad for _, hours in made.days] == [*[0] * 13, 1]


def test_the_map_of_an_audit_is_by_modification_and_marks_what_is_missing() -> None:
    total = PartAudit(hours={48: Found(done=3, missing=2), 49: Found(done=1, failed=1)})
    made = calendar(Audit(name="x", start=0.0, start_by="since", at=0.0, total=total), LedgerTally())
    assert made is not None
    assert made.days == [("1970-01-03", [Hour(5, 2), Hour(2, 1), *[Hour()] * 22])]
    assert "last modification" in made.what


def test_shades_grow_with_the_number_of_objects() -> None:
    assert [Hour(number).level(100) for number in (0, 1, 30, 60, 100)] == [0, 1, 2, 3, LEVELS]
    assert Hour(1).level(1) > Hour(0).level(1)


def test_the_page_has_the_map_as_a_picture_with_words_and_as_a_table(browser: Browser) -> None:
    html = browser.get("/objects")
    assert re.search(r'<svg class="heat"[^>]* aria-label="2 objects on 1 day, 0 bad; a table follows">', html)
    assert len(re.findall(r"<rect class=\"shade", html)) == 24
    assert "Objects by day and hour, UTC" in html
