"""The acts of the console: first it shows what it will do, then it does just that, one act at a time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from html import unescape
from typing import Any

import pytest

from consoles import KEYS, Browser, FakeStack, browser_of, browser_of_stack, text_of
from fakes import object_event
from projects import CONFIG, Project
from running import eventually, gone
from slips.brakes import Pause
from slips.console import child, raw
from slips.console.pages import url
from slips.errors import SlipsError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import ReplayState

pytestmark = pytest.mark.once

MENDED = CONFIG.replace("limit: 5", "limit: 50")


def item(request_id: str, **about: Any) -> ErrorItem:
    known = {"stage": "handler", "error_type": "KeyError", "message": "no 'user'", "fingerprint": "f00d"}
    number = int(re.sub(r"\D", "", request_id) or 0)
    known["failed_at"] = f"2026-01-01T00:00:{number:02}Z"
    event = object_event(request_id, object_size=1_000)
    return ErrorItem(request_id=request_id, **{"events": [event], **known, **about})


@pytest.fixture
def stack() -> FakeStack:
    stack = FakeStack()
    for number in range(8):
        stack.errors.put(item(f"r{number}"))
    stack.errors.put(item("q9", kind="records", fingerprint="beef", error_type="OverwrittenError"))
    return stack


@pytest.fixture
def browser(stack: FakeStack) -> Browser:
    return browser_of_stack(stack)


def fields_of(html: str) -> dict[str, Any]:
    """The fields of the form that confirms an act."""
    form = re.search(r'(?s)<form method="post" action="/acts".*?</form>', html)
    assert form, html
    found: dict[str, Any] = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(unescape(value))
    return found


ODD_KEY = "my-logs/a\u202e\x85\x1b[7m'\\é\n/"
"""The beginning of a key that neither a page nor a terminal shows as it is."""


# ---- plans


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/plan?act=canary", "slips -s my-stack drain --canary 5"),
        ("/plan?act=drain&group=f00d", "slips -s my-stack drain --until 2026-01-01T00:00:07Z f00d"),
        ("/plan?act=drain&type=handler&prefix=a+b", "slips -s my-stack drain --prefix 'a b' --type handler"),
        ("/plan?act=dismiss&id=r3", "slips -s my-stack dismiss r3"),
        ("/plan?act=dismiss&id=-x", "slips -s my-stack dismiss -- -x"),
    ],
)
def test_a_plan_shows_the_command_that_does_the_same(browser: Browser, path: str, command: str) -> None:
    assert re.search(rf"{command} Copy", browser.text(path))


def test_a_plan_counts_items_objects_and_bytes_and_changes_nothing(browser: Browser, stack: FakeStack) -> None:
    text = browser.text("/plan?act=canary")
    assert (
        "Items 9 Objects 9 Bytes 9.0 KB as stored Cannot be replayed 1, which stay Cost less than a cent on AWS" in text
    )
    assert "The oldest 5 items of each group go back" in text
    assert re.search(r"8 handler KeyError no 'user'.* 1 handler OverwrittenError", text)
    assert (len(stack.errors.items), stack.requests) == (9, [])


def test_a_plan_of_nothing_has_no_button(browser: Browser) -> None:
    html = browser.get("/plan?act=drain&group=none")
    assert "There is nothing to do" in html
    assert "<form" not in html


@pytest.mark.parametrize("path", ["/plan?act=dismiss", "/plan?act=delete", "/plan", "/plan?act=drain&since=soon"])
def test_a_plan_that_makes_no_sense_is_refused(browser: Browser, path: str) -> None:
    assert "That did not work" in browser.text(path, 400)


def test_a_plan_counts_what_failed_at_times_of_any_form(stack: FakeStack, browser: Browser) -> None:
    stack.errors.put(item("r20", failed_at="2026-01-02T23:00:00.5Z"))
    stack.errors.put(item("r21", failed_at="2026-01-02T23:00:00Z"))
    stack.errors.put(item("r22", failed_at=""))
    stack.errors.put(item("r23", failed_at="soon"))
    browser.act(**fields_of(browser.get("/plan?act=drain&group=f00d")))
    assert list(stack.errors.items) == ["q9"]


def test_a_drain_of_everything_says_that_it_also_takes_what_comes_meanwhile(browser: Browser) -> None:
    assert "What fails until it ends, and undelivered messages, go along." in browser.text("/plan?act=drain")
    assert "go along" not in browser.text("/plan?act=drain&group=f00d")


def test_a_key_of_any_characters_keeps_them_from_the_filter_to_the_act(stack: FakeStack, browser: Browser) -> None:
    bucket, _, key = ODD_KEY.partition("/")
    stack.errors.put(item("odd", fingerprint="0dd", events=[object_event(key, bucket_name=bucket)]))
    page = browser.get(url("/errors", prefix=ODD_KEY))
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert "1 item in 1 group" in text_of(page)
    plan = browser.get(url("/plan", act="drain", **{name: unescape(value) for name, value in hidden.items()}))
    browser.act(**fields_of(plan))
    assert "odd" not in stack.errors.items


def test_a_command_of_any_characters_prints_and_works_when_it_is_pasted(browser: Browser) -> None:
    command = re.search(r'data-copy="(slips [^"]*drain[^"]*)"', browser.get(url("/plan", act="drain", prefix=ODD_KEY)))
    assert command
    line = unescape(command[1])
    assert line.isprintable()
    done = subprocess.run(
        ["bash", "-c", f"slips() {{ printf '%s\\0' \"$@\"; }}; {line}"], capture_output=True, timeout=300, check=True
    )
    assert done.stdout.decode().split("\0") == ["-s", "my-stack", "drain", "--prefix", ODD_KEY, ""]


# ---- drain


def test_a_drain_of_a_group_takes_what_was_shown_and_not_what_failed_since(browser: Browser, stack: FakeStack) -> None:
    fields = fields_of(browser.get("/plan?act=drain&group=f00d"))
    stack.errors.put(item("r10", failed_at="2026-01-02T00:00:00Z"))
    text = browser.act(**fields)
    assert "8 items drained: 8 on lane fast; the stack processes them now" in text
    assert list(stack.errors.items) == ["q9", "r10"]
    assert stack.requests == [{"ids": [f"r{n}" for n in range(8)], "dry_run": False}]


def test_a_drain_of_everything_lets_the_function_take_up_undelivered_messages_too(
    browser: Browser, stack: FakeStack
) -> None:
    browser.act(**fields_of(browser.get("/plan?act=drain")))
    assert stack.requests == [{"dry_run": False}]


def test_a_drain_with_the_config_at_hand_needs_no_function(stack: FakeStack, project: Project) -> None:
    browser = browser_of_stack(stack, config_file=project.root / "slips.yml")
    text = browser.act(act="drain", group="f00d")
    assert "8 items drained: 8 on lane fast" in text
    assert len(stack.stream.lanes["fast"]) == 8
    assert stack.requests == []


@pytest.mark.parametrize("has_config", [True, False])
def test_a_canary_that_succeeds_is_followed_by_the_rest(stack: FakeStack, project: Project, has_config: bool) -> None:
    browser = browser_of_stack(stack, config_file=project.root / "slips.yml" if has_config else None)
    text = browser.act(act="canary", group="f00d")
    assert "5 sent first: 5 succeeded, 0 failed; 3 followed, 0 left" in text
    assert "3 items followed their canary; the stack processes them now" in text
    assert list(stack.errors.items) == ["q9"]


def test_a_canary_that_fails_holds_the_rest_back_and_links_to_the_new_error(stack: FakeStack) -> None:
    browser = browser_of_stack(stack)

    def state(event: ObjectEvent) -> ReplayState:
        failed = event.object_key == "r2"
        return ReplayState("failed", item("new-2")) if failed else ReplayState("succeeded")

    stack.states = state
    text = browser.act(act="canary", group="f00d")
    assert "5 sent first: 4 succeeded, 1 failed; 3 held back" in text
    assert "1 group held back" in text
    assert url("/error", id="new-2") in browser.get("/act")
    assert sorted(stack.errors.items) == ["q9", "r5", "r6", "r7"]


def test_a_lane_that_refuses_is_told_and_the_items_stay(stack: FakeStack, project: Project) -> None:
    browser = browser_of_stack(stack, config_file=project.root / "slips.yml")
    stack.stream.faults["put r1"] = 1
    text = browser.act(act="drain", group="f00d")
    assert "✕ lane fast is full" in text
    assert "1 item drained" in text
    assert len(stack.errors.items) == 8


# ---- dismiss


def test_a_dismissal_takes_out_what_was_shown_and_offers_it_as_evidence(browser: Browser, stack: FakeStack) -> None:
    fields = fields_of(browser.get("/plan?act=dismiss&group=f00d"))
    stack.errors.put(item("r10", failed_at="2026-01-02T00:00:00Z"))
    stack.errors.put(item("r3", failed_at="2026-01-02T00:00:00Z"))  # failed again: another revision
    text = browser.act(**fields)
    assert "7 items dismissed" in text
    assert sorted(stack.errors.items) == ["q9", "r10", "r3"]
    saved = browser.client.get("/act/evidence")
    assert "attachment" in saved.headers["content-disposition"]
    assert [each["request_id"] for each in json.loads(saved.text)] == ["r0", "r1", "r2", "r4", "r5", "r6", "r7"]


def test_no_evidence_is_saved_of_an_act_that_dismissed_nothing(browser: Browser) -> None:
    browser.get("/act/evidence", 404)
    browser.act(act="drain")
    browser.get("/act/evidence", 404)


def test_the_evidence_of_a_dismissal_outlives_the_next_act(browser: Browser) -> None:
    browser.act(act="dismiss", id="r3")
    page = browser.act(act="drain", id="r4")
    assert "1 item dismissed before" in page
    (saved,) = re.findall(r'href="(/act/evidence[^"]*)"', browser.get("/act"))
    assert [each["request_id"] for each in json.loads(browser.client.get(saved).text)] == ["r3"]


# ---- lanes


def test_a_lane_is_paused_and_resumed_and_now_says_so(project: Project) -> None:
    browser = browser_of(project)
    assert "No further object of lane slow starts" in browser.text("/plan?act=pause&lane=slow")
    assert "There is nothing to do" in browser.text("/plan?act=resume&lane=slow")
    assert "lane slow is paused: what comes waits" in browser.act(act="pause", lane="slow")
    text = browser.text("/")
    assert re.search(r"✕ Lane slow is paused by \S+@\S+, on the console \(\d+ \w+ ago\)", text)
    assert "slow 0 – – 0 none Resume" in text
    assert re.search(r"Now paused by .* slips limit slow --resume Copy", browser.text("/plan?act=resume&lane=slow"))
    assert "no longer paused by" in browser.act(act="resume", lane="slow")
    assert "Lane slow" not in browser.text("/")


def test_a_stack_puts_back_what_a_pause_held_when_the_lane_is_resumed(stack: FakeStack, browser: Browser) -> None:
    stack.paused = [Pause("slow", "operator", "2026-01-01T00:00:00Z", "")]
    stack.errors.put(item("p1", stage="paused", events=[object_event(key, object_size=1, lane="slow") for key in "ab"]))
    assert "Its events wait in the error table." in browser.text("/plan?act=pause&lane=slow")
    assert "Objects 2 Bytes 2 B as stored Cost less than a cent on AWS" in browser.text("/plan?act=resume&lane=slow")
    assert "2 objects that waited in the error table put back" in browser.act(act="resume", lane="slow")


def test_a_lane_that_there_is_not_is_refused(browser: Browser) -> None:
    assert "no lane 'x'; expected fast or slow" in browser.text("/plan?act=pause&lane=x", 400)


# ---- one at a time, in the background


def test_one_act_runs_at_a_time_and_shows_its_progress(stack: FakeStack) -> None:
    browser, reached, go_on = browser_of_stack(stack), threading.Event(), threading.Event()

    def state(_event: ObjectEvent) -> ReplayState:
        reached.set()
        assert go_on.wait(300)
        return ReplayState("succeeded")

    stack.states = state
    assert browser.post("/acts", act="canary", group="f00d").status_code == 303
    assert reached.wait(300)
    page = browser.get("/act")
    assert "5 of 8 items: waiting for their outcome" in text_of(page)
    assert 'hx-get="/act/live" hx-trigger="every 1s"' in page
    assert "Drain 5 first, then the rest …" in browser.text("/")
    refused = browser.post("/acts", act="drain")
    assert (refused.status_code, "still runs" in refused.text) == (400, True)
    go_on.set()
    browser.console.acts.wait(300)
    assert "hx-get" not in browser.get("/act/live")


def test_a_message_that_comes_while_the_page_is_made_does_not_break_it(browser: Browser) -> None:
    browser.act(act="drain", group="f00d")
    act = browser.console.acts.last
    assert act is not None
    lines = act.lines

    class Message(str):
        """A message behind which another one comes, as soon as somebody looks at it."""

        def isprintable(self) -> bool:
            lines.append("more")
            return True

    lines.extend([Message("first"), Message("second")])
    assert "first second" in browser.text("/act/live")


def test_an_act_ends_between_two_steps_when_the_console_ends(stack: FakeStack) -> None:
    browser = browser_of_stack(stack)
    stack.states = lambda _: ReplayState("waiting")
    browser.post("/acts", act="canary", group="f00d")
    browser.console.desk.closing.set()
    browser.console.acts.wait(300)
    act = browser.console.acts.last
    assert act is not None
    assert "the console was ended" in act.problem
    assert stack.errors.items.keys() >= {"r5", "r6", "r7"}


def test_a_bug_in_an_act_is_told_and_ends_it(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    browser = browser_of_stack(stack)

    def broken(_event: ObjectEvent) -> ReplayState:
        raise ZeroDivisionError

    stack.states = broken
    assert "this is a bug of slips: ZeroDivisionError" in browser.act(act="canary", group="f00d")
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_in_a_page_is_told_on_a_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser.console, "places", lambda: 1 // 0)
    text = browser.text("/objects", 500)
    assert "this is a bug of slips: ZeroDivisionError; the terminal of the console has more" in text
    assert "Traceback" in capsys.readouterr().err


def test_one_error_runs_again_at_a_time(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def running(*_: object) -> child.Output:
        reached.set()
        assert go_on.wait(300)
        return child.Output("", 0, 1.0)

    monkeypatch.setattr(child, "run_again", running)
    first = threading.Thread(target=lambda: browser.post("/again", id="r1"))
    first.start()
    assert reached.wait(300)
    refused = browser.post("/again", id="r1")
    go_on.set()
    first.join(300)
    assert (refused.status_code, "an error is being run again" in refused.text) == (400, True)
    assert browser.post("/again", id="r1").status_code == 200


def test_what_an_act_has_changed_is_shown_at_once(browser: Browser) -> None:
    assert "9 items in 2 groups" in browser.text("/errors")
    browser.act(act="drain", group="f00d")
    assert "1 item in 1 group" in browser.text("/errors")


# ---- read-only


def test_a_console_that_only_reads_hides_and_refuses_all_acts(stack: FakeStack) -> None:
    browser = browser_of_stack(stack, read_only=True)
    for path in ("/", "/errors", "/error?id=r1", "/plan?act=drain"):
        html = browser.get(path)
        assert "read-only" in html
        assert '<form method="post"' not in html
        assert not re.findall(r"<button(?! type)[^>]*>(?!Filter)|Drain[^<]* …</a>", html)
    for path in ("/acts", "/again"):
        answer = browser.post(path, act="drain", id="r1")
        assert (answer.status_code, "only reads" in answer.text) == (403, True)
    assert (stack.requests, browser.console.acts.last) == ([], None)


@pytest.mark.parametrize("lane", ["fast", "slow"])
def test_a_console_that_only_reads_asks_nothing_and_names_the_command(stack: FakeStack, lane: str) -> None:
    browser = browser_of_stack(stack, read_only=True)
    for act, title in (("pause", f"Pause lane {lane}"), ("audit", "Audit"), ("drain", "Drain")):
        html = browser.get(f"/plan?act={act}&lane={lane}")
        assert f"<h1>{title}" in html
        assert not re.search(r"<(title|h1)>[^<]*\?", html)
        assert "This console only reads" in html
        assert ">Back</a>" in html
        assert "Cancel" not in html
    assert f"slips -s my-stack limit {lane} --pause" in browser.text(f"/plan?act=pause&lane={lane}")
    assert "only reads" in browser.text("/act")
    html = browser_of_stack(stack).get(f"/plan?act=pause&lane={lane}")
    assert f"<h1>Pause lane {lane}?</h1>" in html
    assert ">Cancel</a>" in html


# ---- on this machine, with its processes


@pytest.mark.slow
def test_on_this_machine_a_canary_runs_here_and_the_rest_waits_for_a_run(project: Project) -> None:
    for number in range(7):
        project.put(f"json/{number}", {"n": 9})
        project.fail(f"r{number}", f"json/{number}")
    browser = browser_of(project)
    assert "5 sent first: 0 succeeded, 5 failed; 2 held back" in browser.act(act="canary")
    project.config(MENDED)
    text = browser.act(act="canary", group="f00d")
    assert "2 sent first: 2 succeeded, 0 failed" in text
    assert len(project.errors()) == 5


@pytest.mark.slow
def test_an_error_runs_again_here_as_the_command_does(project: Project) -> None:
    project.put("json/a", {"n": 9})
    project.fail("r1", "json/a")
    browser = browser_of(project)
    answer = browser.post("/again", id="r1")
    text = text_of(answer.text)
    assert (answer.status_code, "Still fails" in text) == (200, True)
    assert 'raise KeyError("severity")' in text
    assert "$ slips" not in text
    assert "slips test -r r1" in text
    assert project.errors() == ["r1"]


@pytest.mark.slow
def test_a_record_is_shown_as_its_bytes_are(project: Project) -> None:
    project.put("json/a", {"n": 1}, b'{"n": 9, "u": "\xe9"}\n')
    project.fail("r1", "json/a", seq=2)
    browser = browser_of(project, read_only=True)
    assert "Show it raw" in browser.text("/error?id=r1")
    text = browser.text("/error?id=r1&raw=1")
    assert "Record 2, raw" in text
    assert "000010 22 7d" in text


@pytest.mark.parametrize(
    ("about", "shown"),
    [
        ({"seq": 2, "key": "json/a"}, ('{"n": 2}', "")),
        ({"seq": 2, "key": "json/a", "object_etag": "other"}, ('{"n": 2}', "overwritten")),
        ({"seq": 3, "key": "json/a"}, ("has no record 3 any more", "")),
        ({"seq": 1, "key": "json/none"}, ("No such file", "")),
        ({"seq": 1, "key": "unmapped/a"}, ("no prefix or pattern", "")),
    ],
)
def test_a_record_that_cannot_be_shown_says_why(
    project: Project, about: dict[str, Any], shown: tuple[str, str]
) -> None:
    project.put("json/a", {"n": 1}, {"n": 2})
    key, etag = about["key"], about.get("object_etag", "")
    event = ObjectEvent(bucket_name="my-logs", object_key=key, object_etag=etag, lane="fast")
    try:
        found = raw.answer(raw.RecordQuestion(str(project.root / "slips.yml"), event, about["seq"]))
    except SlipsError as error:
        found = raw.RecordAnswer(problem=str(error))
    text = found.sample.raw if found.sample else found.problem
    assert shown[0] in text
    assert (shown[1] in found.note) if shown[1] else found.note == ""


@pytest.mark.slow
def test_a_process_that_hangs_or_prints_without_end_is_ended_with_what_it_has_started() -> None:
    assert child.run([sys.executable, "-c", "import time; time.sleep(600)"], seconds=0.2).timed_out
    script = "import os, time\nif other := os.fork(): print(other, 'x' * 1_000_000)\nelse: time.sleep(600)"
    output = child.run([sys.executable, "-c", script], seconds=300.0)
    assert (output.timed_out, output.cut, len(output.text)) == (False, True, child.OUTPUT_BYTES)
    eventually(lambda: gone(int(output.text.split()[0])), "what the process has started lives on")


def test_keys_are_made_anew_at_each_start() -> None:
    assert len({getattr(KEYS.new(), name) for name in KEYS.__struct_fields__ for _ in range(3)}) == 9
