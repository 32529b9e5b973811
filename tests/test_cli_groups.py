"""Groups of errors on the command line: what a fingerprint means to each command, and `drain --canary`."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from projects import CONFIG, Project


@pytest.fixture
def grouped(project: Project) -> Project:
    """Three errors of group f00d, the latest of which is r3, and one of group beef."""
    project.fail("r1", failed_at="2018-01-01T00:00:00.000Z")
    project.fail("r2", failed_at="2018-01-02T00:00:00.000Z", key="slow/b")
    project.fail("r3", failed_at="2018-01-03T00:00:00.000Z", key="json/c", message="the latest\nof them")
    project.fail("s1", failed_at="2018-01-04T00:00:00.000Z", fingerprint="beef", error_type="ValueError")
    return project


# ---- errors


def test_errors_lists_the_items_of_a_group_or_of_an_id(grouped: Project) -> None:
    def ids(*args: str) -> list[str]:
        return [each["request_id"] for each in grouped.slips("errors", *args, "--json").json]

    assert ids("f00d") == ["r1", "r2", "r3"]
    assert ids("f0", "--prefix", "json/") == ["r1", "r3"]
    assert ids("be", "r2") == ["r2", "s1"]
    assert ids("--until", "2018-01-02T00:00:00Z") == ["r1", "r2"]
    assert ids("--since", "2018-01-02", "--until", "2018-01-03") == ["r2", "r3"]
    assert grouped.slips("errors", "f00d", "--type", "ValueError").out == "no error item fits\n"
    done = grouped.slips("errors", "none")
    assert (done.status, done.err) == (2, "slips: no error item 'none'; 'slips errors' lists those that exist\n")
    done = grouped.slips("errors", "--since", "1h", "--until", "2d12h")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("slips: --since: '1h' is later than --until '2d12h'; expected an earlier time")


def test_groups_have_counts_by_mapping_and_the_span_of_time(grouped: Project) -> None:
    groups = {each["fingerprint"]: each for each in grouped.slips("errors", "--group", "--json").json}
    assert groups["f00d"]["mappings"] == {"my-logs/json/": 2, "my-logs/slow/": 1}
    first, span, mappings, *_ = grouped.slips("errors", "--group").out.splitlines()
    assert first.startswith("     3  f00d  handler KeyError: s3://my-logs/json/a: record 7: ")
    assert span == "        from 2018-01-01T00:00:00.000Z to 2018-01-03T00:00:00.000Z: items r1, r2, r3"
    assert mappings == "        by mapping: my-logs/json/ 2, my-logs/slow/ 1"
    assert grouped.slips("errors", "--group", "--type", "none").out == "no error item fits\n"
    assert grouped.slips("errors", "--group", "--type", "none").err == ""
    grouped.config(CONFIG.replace("    - prefix: slow/\n      format: json\n", ""))
    (group, _) = grouped.slips("errors", "--group", "--json").json
    assert group["mappings"] == {"my-logs/json/": 2, "my-logs: no mapping": 1}
    grouped.config(CONFIG.replace("prefix: json/", "prefx: json/"))
    (group, _) = grouped.slips("errors", "--group", "--json").json
    assert group["mappings"] == {"my-logs": 3}, "the mappings have a mistake"


FIELDS = """\
import slips.interface

class Fields(slips.interface.Handler):
    def setup(self, args):
        self.users = {}

    def recv(self, meta, event):
        match event["n"] % 3:
            case 0:
                event["severity"]
            case 1:
                event["address"]
            case 2:
                self.users[event["user"]]
"""


def test_errors_of_two_lines_of_a_handler_are_two_groups_and_values_in_one_line_are_one(project: Project) -> None:
    project.handler(FIELDS)
    for number in range(9):
        project.put(f"json/{number}", {"n": number, "user": f"user-{'abc'[number // 3]}"})
    assert project.slips("run").status == 1
    groups = project.slips("errors", "--group", "--json").json
    assert [group["count"] for group in groups] == [3, 3, 3]
    project.handler("# moved by a line\n" + FIELDS)
    assert project.slips("drain").status == 0
    assert project.slips("run").status == 1
    moved = project.slips("errors", "--group", "--json").json
    assert {group["fingerprint"] for group in moved} == {group["fingerprint"] for group in groups}


def test_a_group_fits_the_width_of_a_terminal(project: Project) -> None:
    project.fail("2a45219e-336f-11e8-a549-af410f2364a8", message="long " * 50)
    shown = project.on_terminal("errors", "--group", COLUMNS="80")
    assert "f00d  handler KeyError: long long" in shown
    assert [len(line) for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", [("status",), ("drain", "--canary", "1", "--dry-run")])
def test_a_group_fits_the_width_of_a_terminal_in_every_command(project: Project, command: tuple[str, ...]) -> None:
    project.fail("2a45219e-336f-11e8-a549-af410f2364a8", message="long " * 50)
    (line,) = [line for line in project.on_terminal(*command, COLUMNS="80").splitlines() if "f00d" in line]
    shown = line[line.index("     1  f00d") :]  # after what cleared the progress
    assert (len(shown), shown[-1]) == (80, "…")
    assert project.slips(*command).out.count("long ") >= 49, "a pipe gets all of it"


# ---- error, test


def test_error_shows_a_group_and_its_latest_item(grouped: Project) -> None:
    done = grouped.slips("error", "f00d")
    group, _, rest = done.out.partition("RequestID: ")
    assert group.splitlines() == [
        "Group:       f00d, 3 items, of which this is the latest",
        "First:       2018-01-01T00:00:00.000Z",
        "Last:        2018-01-03T00:00:00.000Z",
        "Mappings:    my-logs/json/ 2, my-logs/slow/ 1",
    ]
    assert f"RequestID: {rest}" == grouped.slips("error", "r3").out
    done = grouped.slips("error", "f0", "-f", "cjson")
    assert (done.json[0]["object_key"], done.err) == (
        "json/c",
        "slips: group f00d has 3 items, of which this is the latest: r3\n",
    )


def test_a_beginning_of_an_id_and_of_a_fingerprint_is_refused_by_each_command(grouped: Project) -> None:
    grouped.fail("f0-id")
    told = "slips: 1 error item and 1 group begin with 'f0': f0-id, group f00d; expected more of the id or fingerprint"
    for command in (["errors", "f0"], ["error", "f0"], ["test", "-r", "f0"], ["drain", "f0"], ["dismiss", "f0", "-y"]):
        done = grouped.slips(*command)
        assert (done.status, done.out, done.err) == (2, "", f"{told}\n"), command
    assert len(grouped.errors()) == 5


def test_test_runs_the_latest_item_of_a_group_and_says_which(grouped: Project) -> None:
    grouped.put("json/c", {"n": 1})
    done = grouped.slips("test", "-r", "f00d")
    assert done.status == 0
    assert done.out.startswith("s3://my-logs/json/c: 1 record = 1 delivered")
    assert "slips: group f00d has 3 items: testing the latest, r3\n" in done.err


# ---- drain, dismiss


def test_drain_and_dismiss_take_a_group_as_a_whole_and_no_other_item(grouped: Project) -> None:
    assert "3 items would be drained" in grouped.slips("drain", "f00d", "--dry-run").out
    assert grouped.slips("drain", "f0", "--until", "2018-01-01", "--json").json["drained"] == 1
    assert grouped.slips("drain", "f00d", "--prefix", "slow/").out.startswith("1 item drained: ")
    assert grouped.errors() == ["r3", "s1"]
    assert grouped.slips("dismiss", "f00d", "-y").out.endswith("1 item dismissed\n")
    assert grouped.errors() == ["s1"]


# ---- canary


def mend(project: Project) -> None:
    project.handler((project.root / "handler.py").read_text().replace('raise KeyError("severity")', "pass"))


def failing(project: Project, *keys: str) -> None:
    for key in keys:
        project.put(key, {"n": 6})
    project.slips("run")


@pytest.mark.slow
def test_a_canary_runs_here_and_the_rest_of_its_group_follows(project: Project) -> None:
    failing(project, "json/a", "json/b", "slow/c")
    mend(project)
    done = project.slips("drain", "--canary", "1")
    assert (done.status, len(project.errors())) == (0, 0)
    group, counts, followed = done.out.splitlines()
    assert group.startswith("     3  ")
    assert counts == "        1 sent first: 1 succeeded; 2 followed"
    assert followed == "2 items followed; 'slips run' processes them now"
    assert "slips: waiting for the outcome of 1 object, 600 s at most\n" in done.err
    assert project.slips("run", "--json").json["objects"] == 2


@pytest.mark.slow
def test_a_canary_that_fails_keeps_the_rest_and_ends_with_status_1(project: Project) -> None:
    failing(project, "json/a", "json/b", "json/c")
    done = project.slips("drain", "--canary", "2", "--json")
    (group,) = done.json["groups"]
    assert (done.status, done.json["drained"], group["held"]) == (1, 2, True)
    counts = ("count", "sent", "succeeded", "failed", "timed_out", "drained", "left")
    assert [group[name] for name in counts] == [3, 2, 0, 2, 0, 0, 1]
    assert {each["request_id"] for each in group["errors"]} < set(project.errors())
    assert (len(project.errors()), project.slips("status", "--json").json["lanes"]["fast"]["waiting"]) == (3, 0)
    text = project.slips("drain", "--canary", "1").out
    assert "        1 sent first: 1 failed; 2 left\n" in text
    assert "1 group held back; 'slips error ID' shows a new error in detail\n" in text


@pytest.mark.slow
def test_a_dry_run_of_a_canary_says_what_would_go_first(grouped: Project) -> None:
    done = grouped.slips("drain", "--canary", "2", "--dry-run")
    assert [line.strip() for line in done.out.splitlines() if "first" in line] == [
        "2 would be sent first, then 1",
        "1 would be sent first, then 0",
        "3 items would be sent first",
    ]
    assert (done.status, len(grouped.errors())) == (0, 4)
    (group,) = grouped.slips("drain", "r1", "--canary", "2", "--dry-run", "--json").json["groups"]
    assert (group["sent"], group["held"]) == (1, False)


def test_canary_and_wait_are_told_when_they_make_no_sense(grouped: Project) -> None:
    for args, told in [
        (["--canary", "0"], "--canary"),
        (["--canary", "1", "--wait", "soon"], "--wait: 'soon' is no duration; expected one such as 90s, 10m or 1h30m"),
        (["--canary", "1", "--wait", ""], "--wait: '' is no duration; expected one such as 90s, 10m or 1h30m"),
        (["--wait", "5m"], "--wait: there is no canary to wait for; expected --canary N, too"),
    ]:
        done = grouped.slips("drain", *args)
        assert (done.status, done.out) == (2, "")
        assert told in done.err
    assert len(grouped.errors()) == 4


def test_a_canary_that_would_run_here_needs_a_config_without_mistakes_and_a_handler(grouped: Project) -> None:
    grouped.config(CONFIG.replace("  path: handler.py", "  path: no.py"))
    done = grouped.slips("drain", "--canary", "1")
    assert (done.status, done.out) == (2, "")
    assert "no.py" in done.err
    grouped.config(CONFIG)
    grouped.handler("print('loading')\ndef broken(:\n")
    done = grouped.slips("drain", "--canary", "1")
    assert (done.status, done.out) == (2, "")
    assert "handler.py:2: importing the handler raised SyntaxError" in done.err
    assert len(grouped.errors()) == 4


def test_nothing_to_drain_is_no_canary(project: Project) -> None:
    assert project.slips("drain", "--canary", "3").out == "nothing to drain\n"
    assert project.slips("drain", "--canary", "3", "--json").json["groups"] == []


@pytest.mark.slow
@pytest.mark.parametrize("json_", [False, True])
def test_ctrl_c_while_a_canary_runs_counts_what_is_done_and_loses_nothing(project: Project, json_: bool) -> None:
    project.config(CONFIG.replace("  path: handler.py", "  path: handler.py\n  concurrency: 1"))
    failing(project, "json/a", "json/b", "json/c", "json/d")
    (project.root / "handler.py").write_text(WAITS)
    with project.start("drain", "--canary", "3", *["--json"] * json_) as drain:
        assert drain.stderr is not None
        while not (project.root / "begun").exists():
            assert drain.poll() is None
        while project.slips("status", "--json").json["ledger"].get("done") != 1:
            assert drain.poll() is None
        os.kill(drain.pid, signal.SIGINT)
        out, _ = drain.communicate()
    assert drain.returncode == 130
    if json_:
        result = json.loads(out)
        counts = {name: result["groups"][0][name] for name in ("sent", "succeeded", "failed", "timed_out", "left")}
        assert counts == {"sent": 3, "succeeded": 1, "failed": 0, "timed_out": 0, "left": 1}
        assert result["interrupted"] is True
    else:
        assert "        3 sent first: 1 succeeded, 2 not waited for; 1 left\n" in out
        assert "\nobjects waiting on a lane: 2; 'slips run' processes them now\n" in out
    assert len(project.errors()) == 1
    assert project.slips("status", "--json").json["lanes"]["fast"]["waiting"] == 2


WAITS = """\
import pathlib, time
import slips.interface

class Waits(slips.interface.Handler):
    def recv(self, meta, event):
        done = pathlib.Path(__file__).with_name("done")
        if done.exists():
            done.with_name("begun").touch()
            time.sleep(600)
        done.touch()
"""

# ---- 300 errors of 8 causes

CAUSES = """\
import slips.interface

MENDED = set()

class Causes(slips.interface.Handler):
    def recv(self, meta, event):
        cause = event["cause"]
        if cause in MENDED or "mended" in event:
            return
        match cause:
            case "key":
                event["severity"]
            case "type":
                event["n"] + "1"
            case "value":
                int(event["port"])
            case "zero":
                event["n"] / 0
            case "receiver":
                raise ConnectionError(f"503 from {meta.source.object_key!r}")
"""
HANDLED = ("key", "type", "value", "zero", "receiver")


def fill(project: Project) -> None:
    """Put 300 objects whose errors have eight causes: five of the handler, bad JSON, a damaged file, no mapping."""
    for number in range(50):
        for cause in HANDLED:
            project.put(f"json/{cause}-{number}", {"cause": cause, "n": number, "port": f"p{number}"})
    for number in range(20):
        project.put(f"json/bad-{number}", {"cause": "none"}, b"nonsense %d\n" % number)
        project.put(f"json/damaged-{number}", b"\x1f\x8b\x08nothing")
    for number in range(10):
        project.put(f"other/{number}", {"cause": "none"})


def by_cause(project: Project) -> dict[str, Any]:
    """Groups by the word for their cause."""
    groups: dict[str, Any] = {}
    for group in project.slips("errors", "--group", "--json").json:
        item = project.slips("errors", group["fingerprint"], "--limit", "1", "--json").json[0]
        prefix, _, name = item["argument"][0]["object_key"].partition("/")
        groups["unmapped" if prefix == "other" else name.partition("-")[0]] = group
    return groups


@pytest.mark.slow
def test_300_errors_of_8_causes_are_brought_to_zero_by_groups(project: Project) -> None:
    project.handler(CAUSES)
    fill(project)
    assert project.slips("run").status == 1
    groups = by_cause(project)
    counts = {cause: group["count"] for cause, group in groups.items()}
    assert counts == {**dict.fromkeys(HANDLED, 50), "bad": 20, "damaged": 20, "unmapped": 10}
    assert groups["unmapped"]["mappings"] == {"my-logs: no mapping": 10}
    fingerprint = {cause: group["fingerprint"] for cause, group in groups.items()}

    # A mend of three causes that is right for two: the third stays.
    project.handler(CAUSES.replace("set()", "{'key', 'type'}"))
    chosen = [fingerprint[cause] for cause in ("key", "type", "value")]
    done = project.slips("drain", *chosen, "--canary", "3", "--json")
    assert done.status == 1
    left = {each["fingerprint"]: (each["held"], each["left"]) for each in done.json["groups"]}
    assert left == {chosen[0]: (False, 0), chosen[1]: (False, 0), chosen[2]: (True, 47)}
    assert project.slips("run").status == 0
    assert {cause: group["count"] for cause, group in by_cause(project).items()} == {
        cause: count for cause, count in counts.items() if cause not in ("key", "type")
    }

    # The rest of the handler is mended.
    project.handler(CAUSES.replace("set()", repr(set(HANDLED))))
    rest = [fingerprint[cause] for cause in ("value", "zero", "receiver")]
    assert project.slips("drain", *rest, "--canary", "1").status == 0
    assert project.slips("run").status == 0

    # Objects without a mapping get one; bad records are given up; damaged files are delivered again, whole.
    project.config(CONFIG + "    - prefix: other/\n      format: [s3-lines, json]\n")
    assert project.slips("drain", fingerprint["unmapped"]).status == 0
    assert project.slips("dismiss", fingerprint["bad"], "-y").out.endswith("20 items dismissed\n")
    for each in range(20):
        project.put(f"json/damaged-{each}", {"cause": "none"})
    assert project.slips("drain", fingerprint["damaged"], "--canary", "3").status == 0
    assert project.slips("run").status == 0
    assert project.slips("errors").out == "no errors\n"
    assert project.slips("status", "--json").json["errors"] == {}
