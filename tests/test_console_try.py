"""The page TRY: formats that fit an unknown log, its events and bad records, and the config and the test to copy."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from consoles import KEYS, URL, Browser, FakeStack, browser_of_stack, text_of
from slips.config import parse
from slips.console import child, guard, trying
from slips.console.guard import HEADER_TOKEN
from slips.console.trying import Tried, TriedChain, TriedEvent, tried
from slips.errors import SlipsError
from slips.model import Sample

pytestmark = pytest.mark.once

LOGS = Path(trying.__file__).parents[1] / "formats"
TRAIL = (LOGS / "aws" / "cloudtrail.json").read_bytes()
NO_FORMAT = b"zzkq vvjw qqx\nwwq kkzj\n"
HANDLER = """\
import slips.interface

class MyHandler(slips.interface.Handler):
    def recv(self, meta, event): ...
"""
FLOW = (LOGS / "aws" / "vpc-flow.log").read_bytes()


@cache
def once(name: str, content: bytes, *, whole: bool) -> Tried:
    """The result for a log, on which all formats are tried once for all tests."""
    return tried(name, content, whole=whole)


@pytest.fixture
def browser() -> Browser:
    return browser_of_stack(FakeStack(), read_only=True)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process for each log would import all formats each time."""
    monkeypatch.setattr(trying, "try_log", lambda *log, whole, stop: once(*log, whole=whole))


def sent(browser: Browser, name: str, content: bytes, whole: bool = True) -> str:
    """Send a file as the script of the page does, and return the text of the answer."""
    headers = {HEADER_TOKEN: KEYS.form, "Origin": URL}
    answer = browser.client.post(f"/try?name={name}&whole={whole:d}", content=content, headers=headers)
    assert (answer.status_code, "<html" in answer.text) == (200, False)
    return text_of(answer.text)


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_file_shows_its_chains_counts_events_and_bad_records(browser: Browser) -> None:
    text = sent(browser, "trail.json", TRAIL)
    assert "trail.json: cloudtrail" in text
    assert re.search(r"cloudtrail 6\d % of 8 80 % 100 % AWS CloudTrail events", text)
    assert "8 records = 5 delivered + 0 filtered + 3 quarantined; 5 events." in text
    assert re.search(r"Record \d: 'eventTime' is 'yesterday'; expected a time", text)
    assert '"eventName":' in text
    assert "format: cloudtrail" in text
    assert "slips -s my-stack infer trail.json" in text
    assert "slips -s my-stack parse cloudtrail trail.json" in text


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_lines_that_are_pasted_are_tried_without_a_script_too(browser: Browser) -> None:
    answer = browser.post("/try", text=NO_FORMAT.decode().replace("\n", "\r\n"))
    text = text_of(answer.text)
    assert (answer.status_code, "pasted.log: no format" in text) == (200, True)
    assert "Config and test" not in text
    assert "Choose a file, or drop one here" in text


@pytest.mark.slow
def test_a_damaged_beginning_of_a_compressed_log_ends_before_the_line_that_is_cut() -> None:
    lines = FLOW.count(b"\n")
    made = tried("flow.gz", gzip.compress(FLOW + FLOW[60:90])[:-8], whole=False)
    assert (made.chains[0].config, made.whole) == ("vpc-flow", False)
    assert made.records == lines


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
        (b"\x1f\x8b\x08\0broken", "gzip"),
    ],
)
def test_what_is_no_log_is_told_with_the_reason(content: bytes, reason: str) -> None:
    made = tried("x", content, whole=True)
    assert made.chains == []
    assert reason in made.reason


def test_a_hostile_log_is_text(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "<script>alert(1)</script>\u202e"
    chain = TriedChain(text, [text], text, 1.0, 3, 1.0, 1.0, [text], text)
    events = [TriedEvent(text, 0.0, 1, text, {text: text})]
    bad = [Sample(1, text, text)]
    made = Tried(name=text, whole=True, chains=[chain], events=events, bad=bad, rules={text: 1}, ended_by=text)
    monkeypatch.setattr(trying, "try_log", lambda *_, **__: made)
    html = browser.post("/try", text="x").text
    assert html.count("&lt;script&gt;") > 10
    assert "<script>" not in html
    assert {c for c in html if not c.isprintable()} == {"\n"}


# ---- what can be copied


@pytest.mark.slow
def test_the_config_to_copy_reads_such_logs() -> None:
    made = replace(once("trail.json", TRAIL, whole=True), name="My Trail (1).json")
    text = f"stack_name: x\nhandler: {{path: handler.py}}\n{made.config}"
    (mapping,) = parse(text).bucket_mapping["my-logs"]
    assert (mapping.prefix, mapping.format) == ("my-trail-1/", ["cloudtrail"])


@pytest.mark.slow
def test_the_test_to_copy_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(once("trail.json", TRAIL, whole=True), name="My Trail (1).json")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "My-Trail-1-.json").write_bytes(TRAIL)
    (tmp_path / "handler_to_try.py").write_text(HANDLER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found: dict[str, Any] = {}
    exec(made.test.replace("from handler import", "from handler_to_try import"), found)
    found["test_my_trail_1_is_parsed"]()


def test_the_test_to_copy_of_a_beginning_does_not_count_the_rest() -> None:
    chain = TriedChain("json", ["json"], "", 1.0, 1, 1.0, 1.0)
    made = Tried(name="²x.log", whole=False, chains=[chain], records=3, quarantined=1)
    assert "    assert seen.records >= 3\n" in made.test
    assert "def test_x_is_parsed():" in made.test
    assert "quarantined" not in made.test


def test_a_chain_of_several_formats_is_a_list_in_the_test_to_copy() -> None:
    chain = TriedChain("[s3-lines, json]", ["s3-lines", "json"], "", 1.0, 1, 1.0, 1.0)
    assert (
        "MyHandler, ['s3-lines', 'json'], Path('tests/x.log')" in Tried(name="x.log", whole=True, chains=[chain]).test
    )


# ---- in a process of its own


@pytest.mark.slow
def test_a_log_is_tried_in_a_process_of_its_own() -> None:
    made = trying.try_log("empty.log", b"\n", whole=True)
    assert (made.name, made.reason) == ("empty.log", "it is empty")


def test_a_process_that_dies_or_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = iter([child.Output("", -signal.SIGKILL, 1.0, errors="x\nMemoryError\n"), child.Output("", 0, 30.0, True)])
    monkeypatch.setattr(child, "run", lambda *_, **__: next(outputs))
    with pytest.raises(SlipsError, match=r"x: cannot be tried: status -9 of the process: MemoryError"):
        trying.try_log("x", b"", whole=True)
    with pytest.raises(SlipsError, match=r"x: not read within 30 s"):
        trying.try_log("x", b"", whole=True)


def test_output_that_is_cut_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run", lambda *_, **__: child.Output("{", 0, 1.0, cut=True))
    with pytest.raises(SlipsError, match=r"x: its events are too long to be shown; .*slips parse"):
        trying.try_log("x", b"", whole=True)


@pytest.mark.slow
def test_long_texts_of_events_are_cut() -> None:
    lines = b"".join(b"<34>Oct 11 22:14:%02d host su[12]: %s\n" % (n, b"x" * 4_100) for n in range(2))
    made = once("syslog", lines, whole=True)
    assert (made.records, len(made.events)) == (2, 2)
    assert {len(each.message or "") for each in made.events} == {trying.TEXT_LENGTH + 1}


@pytest.mark.parametrize("name", ["a%00b", "x" * 3_000, "-v", "%ff"])
def test_a_file_of_any_name_is_tried(browser: Browser, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def answered(command: Sequence[str], **_: object) -> child.Output:
        shown = command[-2]
        assert shown.isprintable()
        assert len(shown) <= 255
        return child.Output(msgspec.json.encode(Tried(name=shown, whole=True, reason="it is empty")).decode(), 0, 1.0)

    monkeypatch.setattr(child, "run", answered)
    assert "it is empty" in sent(browser, name, b"")


def test_the_commands_work_when_they_are_pasted(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = TriedChain("[s3-lines, json]", ["s3-lines", "json"], "", 1.0, 1, 1.0, 1.0)
    monkeypatch.setattr(trying, "try_log", lambda name, *_, **__: Tried(name=name, whole=True, chains=[chain]))
    dropped = sent(browser, "-my log", b"x")
    assert "In the folder of the file:" in dropped
    assert "slips -s my-stack infer -- '-my log' Copy" in dropped
    assert "infer $'a\\xe2\\x80\\xaeb' Copy" in sent(browser, "a%E2%80%AEb", b"x")
    assert "slips -s my-stack parse -- '[s3-lines, json]' '-my log' Copy" in dropped
    pasted = text_of(browser.post("/try", text="x").text)
    assert "Paste the lines again behind each, and press Ctrl-D:" in pasted
    assert "slips -s my-stack infer - Copy" in pasted
    assert "slips -s my-stack parse '[s3-lines, json]' - Copy" in pasted


def test_the_process_has_little_memory_and_time() -> None:
    script = (
        "import resource, runpy, sys; sys.argv = ['x', 'x', '1']; from slips.console import trying; trying.main(); "
        "print([resource.getrlimit(each)[0] for each in (resource.RLIMIT_CPU, resource.RLIMIT_AS)])"
    )
    done = subprocess.run([sys.executable, "-c", script], input=b"", capture_output=True, timeout=300, check=True)
    assert done.stdout.endswith(f"[{trying.SECONDS}, {child.MEMORY_BYTES}]\n".encode())


def test_a_problem_is_shown_in_place_of_the_result(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise SlipsError("x: not read within 30 s")

    monkeypatch.setattr(trying, "try_log", failing)
    assert sent(browser, "x", b"") == "x: not read within 30 s"
    assert "x: not read within 30 s" in text_of(browser.post("/try", text="x").text)


def test_the_page_says_how_much_is_read_and_a_request_may_have_as_much(browser: Browser) -> None:
    assert "up to 4.2 MB; nothing is kept" in browser.text("/try")
    assert guard.MOST_BYTES > trying.MOST_BYTES
