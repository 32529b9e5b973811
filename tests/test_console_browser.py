"""The console in Chromium: by keyboard alone, in light and dark, on a phone, and as axe-core judges it.

`pytest tests/test_console_browser.py --screenshots` also writes the pictures of docs/console.md.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import chromium
from chromium import Page, needs_chromium
from fakes import object_event
from projects import CONFIG, Project
from slips.model import Outcome, format_time

pytestmark = [pytest.mark.once, pytest.mark.slow, needs_chromium, pytest.mark.xdist_group("chromium")]

HERE = Path(__file__).parent
PICTURES = HERE.parent / "docs" / "console"
GUARD = 300
SIGN_IN = HERE.parent / "src/slips/formats/aws/cloudtrail.json"
PAGES = {
    "now": "/",
    "errors": "/errors",
    "error": "/error?id=KEY",
    "record": "/error?id=RECORD",
    "confirm": "/plan?act=canary",
    "objects": "/objects?place=my-logs/",
    "try": "/try",
    "act": "/act",
    "problem": "/error?id=none",
}
MENDED = CONFIG.replace("limit: 5", "limit: 50")


class Site(NamedTuple):
    """A console in a process of its own, and a browser that it has let in."""

    page: Page
    base: str
    ids: dict[str, str]

    def open(self, name: str) -> Page:
        path = PAGES.get(name, name)
        for word, request_id in self.ids.items():
            path = path.replace(word, request_id)
        return self.page.open(self.base + path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium.opened(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a state that a real run has made."""
    project = Project(tmp_path_factory.mktemp("project"))
    for number in range(12):
        project.put(f"json/2026/11/29/{number:02}.json", *[{"n": n % 5, "user": "akiko"} for n in range(200)])
    project.put("json/2026/11/29/binary.json", {"n": 1}, b"\xff\xfe\x00\x01\x7fELF\x02\n")
    project.put("slow/2026/11/29.json", *[{"n": 1}] * 40)
    for number in range(3):
        project.put(f"json/alerts/{number}.json", {"n": 1, "user": "bert"}, {"n": 9, "user": "akiko"})
    assert project.slips("run", "--workers", "1").status == 1
    project.put("json/2026/11/29/late.json", {"n": 2})
    return project


@pytest.fixture(scope="module")
def site(project: Project, browser: Page) -> Iterator[Site]:
    with served(project, browser) as site:
        yield site


@contextmanager
def served(project: Project, browser: Page) -> Iterator[Site]:
    """Start the console of a project, let the browser in, and end it."""
    process = project.start("console", "--port", "0")
    assert process.stderr is not None
    try:
        found = re.search(r"(http://[^/]+)(/\S+)", process.stderr.readline())
        assert found
        state = project.state()
        ids = {"RECORD" if each.kind == "records" else "KEY": each.request_id for each in state.errors.scan()}
        state.close()
        browser.open(found[1] + found[2])
        yield Site(browser, found[1], ids)
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)
    assert (process.returncode, err) == (0, "")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core, which npm installs as the lock file has it."""
    if shutil.which("npm") is None:
        pytest.skip("no npm, which brings axe-core")
    at = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "axe" / name, at)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=GUARD)
    if done.returncode:
        pytest.skip(f"axe-core cannot be installed: {done.stderr[-300:]}")
    return (at / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(autouse=True)
def _no_script_fails(browser: Page) -> Iterator[None]:
    """No page has an error of a script, or anything that its content security policy refuses."""
    browser.look()
    browser.messages.clear()
    yield
    expected = ("400 (Bad Request)", "net::ERR_CONNECTION_REFUSED")
    assert [each for each in browser.messages if not any(text in each for text in expected)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_any_page(site: Site, axe: str, scheme: str) -> None:
    site.page.look(scheme=scheme)
    found: dict[str, Any] = {}
    for name in PAGES:
        page = site.open(name)
        page.run("for (const each of document.querySelectorAll('details')) each.open = true")
        page.run(f"{axe}; true")
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
        result = page.run(f"axe.run({{runOnly: {json.dumps(tags)}}}).then(each => JSON.stringify(each.violations))")
        for each in json.loads(result):
            found[f"{name}: {each['id']} ({each['impact']})"] = [node["html"][:200] for node in each["nodes"]]
    assert found == {}


def test_no_page_scrolls_sideways_on_a_phone(site: Site) -> None:
    site.page.look(width=360, height=640)
    wide = {name: width for name in PAGES if (width := site.open(name).run(WIDTH)) > 360}
    assert wide == {}


def test_lists_and_lanes_show_all_their_columns_on_a_phone(site: Site) -> None:
    site.page.look(width=360, height=640)
    cut = {name: found for name in ("now", "errors", "objects", "confirm") if (found := site.open(name).run(CUT))}
    assert cut == {}


CUT = """[...document.querySelectorAll('.lanes .scroll, .scroll:has(.list)')]
    .filter(each => each.scrollWidth > each.clientWidth).map(each => each.ariaLabel ?? 'lanes')"""
WIDTH = "document.documentElement.scrollWidth"
FOCUSED = """(() => {
    const found = document.activeElement, box = found.getBoundingClientRect(), style = getComputedStyle(found);
    return [found === document.body ? '' : found.tagName, box.width > 0 && box.height > 0 && box.left >= 0,
        style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, found.textContent.trim().slice(0, 40)];
})()"""


def test_tab_reaches_everything_and_the_focus_is_always_seen(site: Site) -> None:
    for name in ("now", "errors", "error", "objects", "try"):
        page = site.open(name)
        reachable = page.run(
            "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')]"
            ".filter(each => each.type !== 'hidden' && each.checkVisibility()).length"
        )
        seen: list[str] = []
        while True:
            page.press("Tab")
            tag, is_visible, is_marked, text = page.run(FOCUSED)
            if not tag or (seen and text == "Skip to content"):  # behind the last one comes the first
                break
            seen.append(f"{tag} {text}")
            assert is_visible, (name, tag, text)
            assert is_marked, (name, tag, text)
            assert len(seen) <= reachable, f"{name}: {seen}"
        assert len(seen) == reachable, f"{name}: {seen}"


def test_the_skip_link_leads_to_the_content(site: Site) -> None:
    page = site.open("errors")
    page.press("Tab")
    assert page.run("document.activeElement.textContent") == "Skip to content"
    page.press("Enter")
    page.until("document.activeElement.id === 'main'")
    page.press("Tab")
    assert page.run("document.activeElement.name") == "since"


def test_the_live_part_of_a_page_keeps_the_focus_when_it_is_replaced(site: Site) -> None:
    page = site.open("now")
    page.run("document.getElementById('all-errors').focus(); window.old = document.getElementById('all-errors')")
    page.run("htmx.ajax('GET', '/live', {target: '#live', swap: 'innerHTML'})")
    page.until("!window.old.isConnected")
    assert page.run("document.activeElement.id") == "all-errors"
    assert page.run("document.querySelectorAll('button.copy:not([hidden])').length") > 0


def test_a_refresh_tells_a_screen_reader_what_has_changed_but_no_age(site: Site) -> None:
    page = site.open("now")
    page.run("window.age = document.querySelector('[data-age]').textContent")
    page.run("window.refresh = () => htmx.ajax('GET', '/live', {target: '#live', swap: 'innerHTML'})")
    page.run("window.again = setInterval(window.refresh, 500)")
    page.until("document.querySelector('[data-age]').textContent !== window.age")
    assert page.run("document.getElementById('said').textContent") == "", "nothing has changed"
    page.run("clearInterval(window.again); document.querySelector('[data-say] [data-age]').before('so far')")
    page.run("document.body.dispatchEvent(new CustomEvent('htmx:afterSwap', {bubbles: true}))")
    said = page.run("document.getElementById('said').textContent")
    assert said.startswith("3 objects failedso far 1 object with bad records"), said


def test_a_refresh_that_fails_says_why_until_the_next_one(site: Site) -> None:
    page = site.open("now")
    page.run("htmx.ajax('GET', '/error?id=none', {target: '#live', swap: 'innerHTML'})")
    page.until("!document.getElementById('lost').hidden")
    said = page.run("document.getElementById('lost').textContent")
    assert said == "This page is of before: no error item 'none'; 'slips errors' lists those that exist"
    page.run("htmx.ajax('GET', '/live', {target: '#live', swap: 'innerHTML'})")
    page.until("document.getElementById('lost').hidden")


def test_a_script_in_a_page_does_not_run(site: Site) -> None:
    page = site.open("now")
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"x:\" onerror=\"window.ran = 1\">')")
    page.run(
        "(() => { const each = document.createElement('script'); each.textContent = 'window.ran = 1';"
        "document.body.append(each) })()"
    )
    assert page.run("window.ran") is None
    assert [each for each in page.messages if "Content Security Policy" in each]
    page.messages.clear()


def test_a_file_is_tried_where_it_is_chosen(site: Site) -> None:
    page = site.open("try")
    chosen = page.call("Runtime.evaluate", expression="document.getElementById('file')")["result"]["objectId"]
    page.call("DOM.setFileInputFiles", objectId=chosen, files=[str(SIGN_IN)])
    page.until("document.getElementById('config') !== null")
    assert "cloudtrail.json: cloudtrail" in page.run("document.getElementById('result').innerText")


@pytest.fixture
def shown(request: pytest.FixtureRequest, tmp_path: Path, browser: Page) -> Iterator[Site]:
    """A console on a place that has worked for weeks, if pictures are asked for."""
    if not request.config.getoption("--screenshots"):
        pytest.skip("no pictures are asked for: --screenshots")
    project = Project(tmp_path)
    project.config(CONFIG.replace("stack_name: test", "stack_name: sign-ins"))
    days, now = random.Random(1), time.time()
    state = project.state()
    for number in range(4_000):
        at = now - days.random() * 13 * 86_400
        hour = min(23.0, max(0.0, days.gauss(13, 4)))  # most of them by day
        at = min(now, at - at % 86_400 + hour * 3_600)
        event = object_event(f"json/{number:06}.json.gz", object_etag=f"e{number}")
        records = days.randrange(200, 9_000)
        bad = int(days.random() > 0.999)
        counts = Outcome(
            records=records,
            delivered=records - 40 - bad,
            filtered=40,
            quarantined=bad,
            events=records - 40 - bad,
            bytes_in=90_000,
        )
        tuple(state.ledger.finish(event, counts))
        state.execute("UPDATE ledger SET updated_at = ? WHERE key = ?", (at, event.object_key))
    for number, place in enumerate(["slow/2026/11/28.json.gz"] * 3):
        state.stream.put("slow", [object_event(f"{place}.{number}", lane="slow")])
    for number, hours in enumerate([7.5, 7.4, 7.1, 6.9, 5.2, 5.1, 3.3, 3.2, 3.1, 2.4, 1.9, 1.8, 1.7, 1.2, 0.9, 0.4]):
        key = f"json/2026/11/29/sign-ins-{number:02}.json.gz"
        tuple(state.ledger.fail(object_event(key), Outcome(), "r"))
        state.execute("UPDATE ledger SET updated_at = ? WHERE key = ?", (now - hours * 3_600, key))
        project.put(key, {"n": 9})
        project.fail(
            f"3f9c1d2e-{number:04}-4b7a-9d10-6a52c18e77b4",
            key,
            failed_at=format_time(now - hours * 3_600),
            message=f"s3://my-logs/{key}: record {17 * number + 4}: SignIns.recv raised KeyError: 'department'",
            traceback=TRACEBACK,
            seq=17 * number + 4,
            attempts=3,
            fingerprint="c9bcc18709",
            handler="handler.py",
            code_version="d10afffae6ce",
            event={"user": "akiko@example.com", "ipAddress": "203.0.113.7", "result": "success", "mfa": True},
        )
    for number, hours in enumerate([31.0, 30.5, 12.2, 12.1]):
        project.fail(
            f"71aa02c4-{number:04}-4d0e-8f21-0c9e55b1d3aa",
            f"json/2026/11/28/vpn-{number}.json.gz",
            failed_at=format_time(now - hours * 3_600),
            kind="records",
            events=[object_event(f"json/2026/11/28/vpn-{number}.json.gz", records=[(42, 42)])],
            stage="parse",
            error_type="RecordError",
            message="record 42: not JSON: Expecting value: line 1 column 1 (char 0)",
            fingerprint="5b0f3e9a21",
        )
    state.close()
    for name in ("2026/11/29/new-1", "2026/11/29/new-2"):
        project.put(f"json/{name}.json.gz", {"n": 1})
    with served(project, browser) as site:
        yield site


TRACEBACK = """\
Traceback (most recent call last):
  File "handler.py", line 24, in recv
    self.count[event["department"]] += 1
               ~~~~~^^^^^^^^^^^^^^
KeyError: 'department'
"""


def test_pictures_for_the_documentation(shown: Site) -> None:
    PICTURES.mkdir(exist_ok=True)

    def take(name: str, path: str, **look: Any) -> None:
        shown.page.look(**{"width": 1000, "height": 600, **look})
        (PICTURES / f"{name}.png").write_bytes(shown.open(path).picture())

    take("now", "/")
    take("now-dark", "/", scheme="dark")
    take("errors", "/errors")
    take("errors-phone", "/errors", width=360)
    take("error", "/error?id=c9bcc18709")
    take("confirm", "/plan?act=canary&group=c9bcc18709")
    take("objects", "/objects?place=my-logs/json/2026/11/29/sign-ins-0")


def test_errors_are_drained_by_keyboard_alone(site: Site, project: Project) -> None:
    project.config(MENDED)
    page = site.open("errors")

    def tab_to(script: str) -> None:
        for _ in range(60):
            page.press("Tab")
            if page.run(f"(each => {script})(document.activeElement)"):
                return
        pytest.fail(f"no Tab reaches {script}")

    tab_to("each.type === 'checkbox' && each.ariaLabel.includes('KeyError')")
    page.press(" ")
    tab_to("each.value === 'canary'")
    page.press("Enter")
    page.until("document.querySelector('h1')?.textContent === 'Drain 5 first, then the rest?'")
    tab_to("each.tagName === 'BUTTON' && each.textContent === 'Drain 5 first, then the rest'")
    page.press("Enter")
    page.until("document.querySelector('#act progress') !== null")
    page.until("document.body.innerText.includes('3 sent first: 3 succeeded')")
    page.until("document.body.innerText.includes('Took ')")
    page.until("document.getElementById('said').textContent.includes('3 items of those sent first succeeded')")
    assert len(project.errors()) == 1
