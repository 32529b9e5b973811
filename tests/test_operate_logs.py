"""`slips logs`: lines of a stack's functions, merged, filtered, followed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from projects import Project
from slips.backends.aws import logs as aws_logs
from slips.backends.aws.stack import DeployedStack
from slips.cli import logs
from slips.model import format_time
from slips.operations import LogLine
from stack_fixtures import bare, cloud, cloud_of_2018, credentials
from stacks import Cloud, Pages, clients

__all__ = ["bare", "cloud", "cloud_of_2018", "credentials"]
pytestmark = pytest.mark.once


T = 1_772_000_000.0


def recently() -> float:
    """A time that `slips logs` shows without `--since`, however long the tests before took."""
    return int(time.time()) - 100.0


"""CloudWatch takes nothing that is old, or of the future."""


def test_the_logs_of_all_functions_are_merged_by_time(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, "hello 1"), (now + 2, "END"))
    cloud.say("FastDispatcher", (now + 1, '{"level": "INFO", "message": "s3://b/k: done", "object": "s3://b/k"}'))
    lines = cloud.slips("logs").out.splitlines()
    assert [line.split()[-1] for line in lines] == ["1", "done", "END"]
    assert lines[1] == f"{format_time(now + 1)} INFO     FastDispatcher s3://b/k: done"


@pytest.mark.slow
def test_lambdas_own_lines_are_shown_of_runs_that_failed_or_if_they_are_asked_for(cloud: Cloud) -> None:
    usual = ["INIT_START Runtime", "START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1\tDuration: 1 ms"]
    failed = "REPORT RequestId: 2\tDuration: 900000 ms\tStatus: timeout"
    now = recently()
    cloud.say("MainFunc", *((now + number, text) for number, text in enumerate([*usual, failed])))
    assert cloud.slips("logs").out == (
        f"{format_time(now + 4)}          MainFunc       REPORT RequestId: 2  Duration: 900000 ms  Status: timeout\n"
    )
    for args in (["logs", "-v"], ["-v", "logs"], ["logs", "--filter", "Request"], ["logs", "--json"]):
        assert "REPORT RequestId: 1" in cloud.slips(*args).out, args


def test_columns_stay_in_line_and_times_are_readable() -> None:
    value = {"level": "WARNING", "message": "a\tb", "first_timestamp": T, "last_timestamp": None, "timestamp": "t"}
    line = LogLine("1", T, "MainFunc", "")
    assert logs.readable_line(line, value) == (
        "2026-02-25T06:13:20.000Z WARNING  MainFunc       a  b  first_timestamp=2026-02-25T06:13:20.000Z"
    )
    odd = logs.readable_line(line, {"level": "INFO", "message": "", "first_timestamp": 1e300})
    assert odd == "2026-02-25T06:13:20.000Z INFO     MainFunc         first_timestamp=1e300"


@pytest.mark.slow
def test_logs_of_one_function_go_by_any_spelling_of_its_name(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, "main"))
    cloud.say("Drain", (now, "drain"))
    for name in ("main-func", "MainFunc", "mainfunc", "MAIN_FUNC"):
        assert cloud.slips("logs", name).out.count("\n") == 1, name
    done = cloud.slips("logs", "handler")
    assert done.status == 2
    assert "has no function 'handler'; expected one of: FastDispatcher, SlowDispatcher, MainFunc, Drain\n" in done.err


@pytest.mark.slow
def test_logs_keep_to_since_and_filter(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now - 100, "old"), (now, "new KeyError"), (now + 1, "new"))
    since = ["--since", format_time(now)]
    assert cloud.slips("logs", *since).out.count("new") == 2
    assert "old" not in cloud.slips("logs", *since).out
    assert cloud.slips("logs", *since, "--filter", "KeyError").out.count("\n") == 1
    assert cloud.slips("logs", "--since", "soon").status == 2


@pytest.mark.slow
def test_more_lines_than_a_page_holds_are_all_shown(cloud: Cloud) -> None:
    now = recently()
    for part in range(2):
        said = [(now + part, f"line {number}") for number in range(6_000)]
        cloud.say("MainFunc", *said, stream=f"s{part}")
    assert cloud.slips("logs", "MainFunc").out.count("\n") == 12_000


def test_a_text_to_filter_by_is_quoted_for_cloudwatch(credentials: None) -> None:
    asked: list[Any] = []

    class Logs(Pages):
        def paginate(self, **request: Any) -> Iterator[Any]:
            asked.append(request["filterPattern"])
            return iter(())

    stack = DeployedStack(clients(logs=Logs()), "test", {"MainFunc": "m", "MainFuncLogs": "g"})
    assert list(aws_logs.logs(stack, ["MainFunc"], 0, 'a "b" \\')) == []
    assert asked == ['"a \\"b\\" \\\\"']


def test_a_function_that_has_said_nothing_yet_has_no_lines(cloud_of_2018: Cloud) -> None:
    done = cloud_of_2018.slips("logs")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_json_lines_are_readable_with_their_traceback_and_cannot_steer_a_terminal() -> None:
    value = {
        **{"timestamp": "t", "level": "ERROR", "logger": "slips", "function": "MainFunc", "request_id": "r"},
        **{"message": "failed: \x1b[31m", "object": "s3://b/k", "stage": "handler", "rules": {}},
        "traceback": "Traceback\n  File x\nKeyError: \x1b\n",
    }
    line = LogLine("1", T, "MainFunc", json.dumps(value))
    assert logs.readable_line(line, value) == (
        "2026-02-25T06:13:20.000Z ERROR    MainFunc       failed: \\x1b[31m  s3://b/k  stage=handler\n"
        "    Traceback\n      File x\n    KeyError: \\x1b"
    )


def test_an_objects_line_is_shown_without_the_metrics_that_repeat_it(cloud: Cloud) -> None:
    now, line = recently(), {"level": "INFO", "message": "done", "object": "s3://b/k", "records": 2}
    metrics = {"_aws": {"CloudWatchMetrics": []}, "Stack": "s", "Lane": "fast", "Records": 2, "Duration": 12.5}
    cloud.say("MainFunc", (now, json.dumps(line | metrics)))
    (shown,) = cloud.slips("logs").out.splitlines()
    assert shown.split()[1:] == ["INFO", "MainFunc", "done", "s3://b/k", "records=2", "Lane=fast", "Duration=12.5"]


def test_what_lambda_says_of_runs_in_its_json_format_is_shown_of_those_that_failed(cloud: Cloud) -> None:
    now = recently()
    reports = [
        {"time": "x", "type": "platform.report", "record": {"requestId": each, "metrics": {"durationMs": 5}, **status}}
        for each, status in (("r1", {"status": "success"}), ("r2", {"status": "timeout"}), ("r3", {}))
    ]
    raised = {"level": "ERROR", "errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ["  File a\n", "    b\n"]}
    cloud.say("MainFunc", *((now + number, json.dumps(each)) for number, each in enumerate([*reports, raised])))
    assert [" ".join(line.split()[1:]) for line in cloud.slips("logs").out.splitlines()] == [
        "MainFunc platform.report requestId=r2 status=timeout durationMs=5",
        "ERROR MainFunc KeyError: 'x'",
        "a",
        "",
    ]
    assert "requestId=r1" in cloud.slips("logs", "-v").out


def test_metrics_are_shown_as_json_only(cloud: Cloud) -> None:
    now = recently()
    cloud.say("MainFunc", (now, '{"_aws": {}, "Objects": 1}'), (now + 1, "{no JSON"), (now + 2, '["a"]'))
    assert [line.split()[-1] for line in cloud.slips("logs").out.splitlines()] == ["JSON", '["a"]']
    told = [json.loads(line) for line in cloud.slips("logs", "--json").out.splitlines()]
    assert [each["message"] for each in told] == [{"_aws": {}, "Objects": 1}, "{no JSON", '["a"]']
    assert told[0]["time"] == format_time(now)


def test_this_machine_has_no_logs_of_functions(project: Project) -> None:
    done = project.slips("logs")
    assert (done.status, done.out) == (2, "")
    assert "this machine has no functions" in done.err


def test_following_shows_each_line_once_also_those_that_come_late() -> None:
    looks = [
        [LogLine("a", T, "F", "a"), LogLine("b", T + 20, "F", "b")],
        [LogLine("late", T + 5, "F", "late"), LogLine("b", T + 20, "F", "b"), LogLine("c", T + 90, "F", "c")],
        [LogLine("c", T + 90, "F", "c")],
    ]
    begun: list[float] = []

    def read(since: float) -> list[LogLine]:
        begun.append(since)
        return looks[len(begun) - 1]

    def sleep(_: float) -> None:
        if len(begun) == len(looks):
            raise KeyboardInterrupt

    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        shown.extend(line.id for line in collected(aws_logs.following(read, T, sleep), shown))
    assert shown == ["a", "b", "late", "c"]
    assert begun == [T, T, T + 60]


def collected(lines: Iterator[LogLine], shown: list[str]) -> Iterator[LogLine]:
    for line in lines:
        shown.append(line.id)
        yield from ()


def test_ctrl_c_is_the_proper_end_of_following(capsys: pytest.CaptureFixture[str]) -> None:
    def lines() -> Iterator[LogLine]:
        yield LogLine("a", T, "Drain", "hello")
        raise KeyboardInterrupt

    logs.show(lines(), False, endless=True)
    assert capsys.readouterr().out == "2026-02-25T06:13:20.000Z          Drain          hello\n"
    with pytest.raises(KeyboardInterrupt):
        logs.show(lines(), False, endless=False)
