"""`slips up` as systems run it: signals, exit statuses, log lines, a restart after it was killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from fakes import object_event
from projects import CONFIG, Project
from slips.cli.log_lines import LOGGED_BYTES, TALLY_SECONDS, LogLines
from slips.cli.output import RESULT_LENGTH
from slips.model import Outcome
from slips.pipeline.ended import Failure

GUARD = 300.0
"""Seconds after which a test that waits fails."""

HANDLER = """\
import os, time
import slips.interface

class Waits(slips.interface.Handler):
    def recv(self, meta, event):
        print("unfinished line of the handler", end="")
        if event["n"] == 3:
            open("begun", "a").close()
            while not os.path.exists("go-on"):
                time.sleep(0.01)
"""


@pytest.fixture
def service(project: Project) -> Iterator[Project]:
    """A project whose files are taken at once, and whose handler waits where `n` is 3."""
    project.config(CONFIG.replace("    path: state\n", "    path: state\n    settle: 0\n"))
    project.handler(HANDLER)
    yield project
    (project.root / "go-on").touch()


def wait_for(text: str, up: subprocess.Popen[str]) -> str:
    """Return the first line of the log with a text."""
    assert up.stderr is not None
    found = next((line for line in up.stderr if text in line), None)
    assert found is not None, f"no {text!r} before the end"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_service_cleanly_with_status_0(service: Project, number: signal.Signals) -> None:
    up = service.start("up", "--workers", "1", "-v", "--grace", "60")
    wait_for("started; 0 objects waiting", up)
    service.put("json/a", {"n": 3})
    wait_for("json/a: begun", up)
    os.killpg(up.pid, number)  # as a terminal and systemd do
    wait_for("stopping; 1 object at work may end within 60 s", up)
    (service.root / "go-on").touch()
    out, err = up.communicate(timeout=GUARD)
    assert (up.returncode, out) == (0, "")
    assert "\nunfinished line of the handler\n" in f"\n{err}"
    assert "s3://my-logs/json/a: done, 1 record\n" in err
    assert err.endswith(" info    stopped\n")
    assert service.slips("status", "--json").json["ledger"] == {"done": 1}


@pytest.mark.slow
def test_a_second_signal_ends_the_service_at_once_and_the_object_at_work_runs_again(service: Project) -> None:
    service.put("json/a", {"n": 3})
    up = service.start("up", "--workers", "1", "-v", "--grace", "3600")
    wait_for("json/a: begun", up)
    up.send_signal(signal.SIGTERM)
    wait_for("stopping", up)
    up.send_signal(signal.SIGTERM)
    _, err = up.communicate(timeout=GUARD)
    assert (up.returncode, err) == (143, "slips: interrupted; what was not finished will be run again\n")
    (service.root / "go-on").touch()
    assert service.slips("run", "--json").json["delivered"] == 1


@pytest.mark.slow
def test_a_service_that_is_killed_continues_with_its_next_start_and_nothing_is_lost(service: Project) -> None:
    for n, key in ((1, "a"), (3, "b"), (1, "c")):
        service.put(f"json/{key}", {"n": n})
    up = service.start("up", "--workers", "1", "-v")
    wait_for("json/b: begun", up)
    up.kill()
    up.communicate(timeout=GUARD)
    (service.root / "go-on").touch()
    again = service.start("up", "--workers", "1", "-v")
    wait_for("json/c: done", again)
    again.send_signal(signal.SIGTERM)
    again.communicate(timeout=GUARD)
    assert again.returncode == 0
    counts = service.slips("status", "--json").json
    assert (counts["ledger"], counts["errors"]) == ({"done": 3}, {})


@pytest.mark.slow
def test_a_second_up_or_run_on_one_state_is_refused_and_names_the_first(service: Project) -> None:
    up = service.start("up", "--workers", "1")
    wait_for("started", up)
    for command in ("up", "run"):
        done = service.shell(command)
        assert done.status == 2
        assert f"in use by process {up.pid}" in done.err
    up.send_signal(signal.SIGTERM)
    up.communicate(timeout=GUARD)


@pytest.mark.slow
def test_log_lines_as_json_are_an_object_each_whatever_the_handler_prints(service: Project) -> None:
    service.put("json/a", {"n": 1})
    service.put("none/c", {"n": 1})
    up = service.start("up", "--workers", "1", "-v", "--log-format", "json")
    assert up.stderr is not None
    lines = []
    for line in up.stderr:
        lines.append(json.loads(line))
        if "stopped" in lines[-1]["message"]:
            break
        if lines[-1].get("object") == "s3://my-logs/none/c" and lines[-1]["level"] == "error":
            up.send_signal(signal.SIGTERM)
    up.communicate(timeout=GUARD)
    assert {"time", "level", "message"} <= set.intersection(*(set(line) for line in lines))
    (done,) = (line for line in lines if line.get("object") == "s3://my-logs/json/a" and "records" in line)
    assert (done["records"], done["delivered"], done["level"]) == (1, 1, "debug")
    (printed,) = (line for line in lines if line.get("printed"))
    assert (printed["level"], printed["message"]) == ("info", "unfinished line of the handler")


def test_a_stack_is_refused_and_a_broken_handler_is_wrong_input(project: Project) -> None:
    done = project.slips("up", "--aws")
    assert (done.status, done.err.splitlines()[0][:44]) == (2, "slips: up: always works on this machine; exp")
    project.handler("import no_such_module\n")
    done = project.slips("up")
    assert done.status == 2
    assert "No module named 'no_such_module'" in done.err


# ---- lines


class Log:
    """The lines of a log, at a time that the test sets."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.file, self.time = io.StringIO(), 0.0
        self.lines = LogLines(
            as_json=as_json, verbose=verbose, file=self.file, now=lambda: self.time, clock=lambda: self.time
        )

    @property
    def text(self) -> str:
        return self.file.getvalue()


def test_a_line_has_time_level_and_what_happened_and_is_one_line() -> None:
    log = Log()
    event = object_event("a")
    log.lines.failed(
        event, Failure(event, "handler", "ValueError", "s3://my-logs/a: two\nlines \x1b[31m", True), 3, True
    )
    assert log.text == r"1970-01-01T00:00:00.000Z error   failed: s3://my-logs/a: two\nlines \x1b[31m" + "\n"


def test_objects_that_are_done_are_counted_and_each_is_logged_if_asked_for() -> None:
    quiet, verbose = Log(), Log(verbose=True)
    for log in (quiet, verbose):
        log.lines.succeeded(object_event("a"), Outcome(records=2, delivered=2))
        log.time = TALLY_SECONDS
        for _ in range(2):
            log.lines.looked()
    assert quiet.text == (
        "1970-01-01T00:01:00.000Z info    1 object more; 1 since the start, of which 0 failed, 2 records\n"
    )
    assert "s3://my-logs/a: done, 2 records" in verbose.text


def test_results_of_handlers_are_logged_without_asking_but_not_those_that_are_none() -> None:
    log, as_json = Log(), Log(as_json=True)
    for each in (log, as_json):
        each.lines.succeeded(object_event("a"), Outcome(records=2, delivered=2, results={"Count": None}))
        each.lines.succeeded(
            object_event("b"), Outcome(records=2, results={"Count": {"n": 2}, "X": None, "Y": "\x1b["})
        )
        each.lines.continued(object_event("c"), Outcome(records=3, results={"Count": [0]}))
    assert [line.split(" ", 1)[1] for line in log.text.splitlines()] == [
        'info    s3://my-logs/b: done, 2 records; result of Count: {"n": 2}; result of Y: "\\u001b["',
        "info    s3://my-logs/c: 3 records done, the time is up, the rest runs later; result of Count: [0]",
    ]
    told = [json.loads(line) for line in as_json.text.splitlines()]
    assert [each["results"] for each in told] == [{"Count": {"n": 2}, "Y": "\x1b["}, {"Count": [0]}]


def test_a_result_of_any_size_makes_a_log_line_of_bounded_length() -> None:
    log, as_json = Log(), Log(as_json=True)
    for each in (log, as_json):
        each.lines.succeeded(object_event("a"), Outcome(results={"Count": ["x" * 1000] * 1000}))
    assert len(log.text) < 2 * RESULT_LENGTH
    assert len(as_json.text) < 3 * LOGGED_BYTES
    cut = json.loads(as_json.text)["results"]["Count"]
    assert (cut["truncated"], cut["limit"], cut["beginning"][:4]) == (True, LOGGED_BYTES, '["xx')


def test_quarantined_records_are_logged_without_asking() -> None:
    log = Log()
    log.lines.succeeded(object_event("a"), Outcome(records=2, delivered=1, quarantined=1))
    assert "warning s3://my-logs/a: done, 2 records, 1 quarantined: 'slips errors' lists them" in log.text


def test_the_counts_of_an_object_that_ran_in_parts_are_those_of_its_last_part() -> None:
    log = Log(verbose=True)
    log.lines.continued(object_event("a"), Outcome(records=40, delivered=40))
    log.lines.succeeded(object_event("a", records=[(41, None)]), Outcome(records=22, delivered=22))
    log.lines.succeeded(object_event("b", records=[(3, 3)]), Outcome(records=1, delivered=1))
    assert "s3://my-logs/a: done, last part: 22 records\n" in log.text
    assert "s3://my-logs/b: done, 1 record\n" in log.text, "a replay of some records is no last part"


def test_changed_code_that_takes_long_to_load_is_logged() -> None:
    log = Log()
    log.lines.reloading("handler.py")
    assert log.text.endswith(
        "warning handler.py: the changed code is still being loaded; the old code is used on meanwhile\n"
    )


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    LogLines(file=Full()).started(1, 2)
