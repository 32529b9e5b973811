"""`slips limit` on a stack and on this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from projects import CONFIG, Project
from slips.backends.aws.lane_limits import LaneLimits
from slips.backends.aws.stack import DeployedStack
from slips.config import LaneConfig
from slips.errors import SlipsError
from slips.service import turns
from stack_fixtures import bare, cloud, credentials
from stacks import Cloud, Pages, clients, refusal, template

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


def settings(cloud: Cloud, function: str = "FastDispatcher") -> tuple[str, str | None, int, int]:
    """Delay, batch size, the function's time limit, and the records that its mapping gives it."""
    name = cloud.stack().made[function]
    known = cloud.clients.functions.get_function_configuration(FunctionName=name)
    (mapping,) = cloud.clients.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    variables = known["Environment"]["Variables"]
    assert variables["SLIPS_MAIN_FUNC"] == "main"
    return variables["SLIPS_DELAY"], variables.get("SLIPS_BATCH_SIZE"), known["Timeout"], mapping["BatchSize"]


@pytest.mark.slow
def test_limit_shows_and_sets_the_lane_it_is_asked_for(cloud: Cloud) -> None:
    pace = "pace:       at most 18,000 objects an hour and shard\n"
    assert cloud.slips("limit", "slow").out == "delay:      2\nbatch_size: 10\n" + pace
    done = cloud.slips("limit", "fast", "-d", "5")
    pace = "pace:       at most 7,200 objects an hour and shard\n"
    assert done.out == "delay:      0 -> 5\nbatch_size: 10\n" + pace
    assert done.err == (
        "slips: it holds until the next 'slips deploy', which sets it back to 'backend.lane' of the config\n"
    )
    assert settings(cloud) == ("5", "10", 65, 100)
    done = cloud.slips("limit", "fast", "-d", "100", "-b", "20", "--json")
    before = {"delay": 5, "batch_size": 10}
    assert done.json == {"lane": "fast", "delay": 100, "batch_size": 20, "before": before}
    assert settings(cloud) == ("100", "20", 160, 60)
    assert settings(cloud, "SlowDispatcher") == ("2", "10", 60, 100)


@pytest.mark.slow
def test_limit_sets_what_the_mapping_gives_on_a_stack_of_the_version_before(bare: Cloud) -> None:
    body = template()
    before = {"SLIPS_MAIN_FUNC": "main", "SLIPS_DELAY": "0"}
    body["Resources"]["FastDispatcher"]["Properties"]["Environment"] = {"Variables": before}
    body["Resources"]["FastDispatcherMapping"]["Properties"]["BatchSize"] = 7
    bare.deploy(body)
    assert bare.slips("limit", "fast").out == "delay:      0\nbatch_size: 7\n"
    done = bare.slips("limit", "fast", "-d", "3", "-b", "4")
    assert done.out.startswith("delay:      0 -> 3\nbatch_size: 7 -> 4\npace: ")
    assert settings(bare) == ("3", None, 63, 4)


def test_setting_what_is_set_changes_nothing_and_says_nothing(cloud: Cloud) -> None:
    done = cloud.slips("limit", "fast", "-d", "0", "-b", "10")
    assert (done.status, done.out, done.err) == (0, "delay:      0\nbatch_size: 10\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("args", [["-d", "301"], ["-d", "-1"], ["-b", "0"], ["-b", "10001"], ["-d", "x"]], ids=" ".join)
def test_a_limit_out_of_range_is_wrong_input(cloud: Cloud, args: list[str]) -> None:
    assert cloud.slips("limit", "fast", *args).status == 2
    assert settings(cloud)[0] == "0"
    assert cloud.slips("limit", "middle").status == 2


def test_the_longest_delay_is_waited_once_a_batch_however_large_and_the_function_has_the_time(cloud: Cloud) -> None:
    assert cloud.slips("limit", "fast", "-d", "300", "-b", "10000").status == 0
    assert settings(cloud) == ("300", "10000", 360, 10_000)


def test_a_dispatcher_never_has_more_records_than_time_while_a_limit_is_set(credentials: None) -> None:
    order: list[tuple[str, int]] = []

    class Functions(FakeFunctions):
        def update_function_configuration(self, **request: Any) -> None:
            super().update_function_configuration(**request)
            order.append(("delay", int(request["Environment"]["Variables"]["SLIPS_DELAY"])))

        def update_event_source_mapping(self, **request: Any) -> None:
            self.records = request["BatchSize"]
            order.append(("records", self.records))

        def get_event_source_mapping(self, **_: Any) -> Any:
            return {"State": "Enabled"}

    functions = Functions(Variables={"SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1"})
    functions.conflicts, functions.records = 0, 100
    stack = DeployedStack(clients(functions=functions), "test", {"FastDispatcher": "fast"}, sleep=lambda _: None)
    limits = LaneLimits(stack)
    limits.set("fast", LaneConfig(batch_size=1, delay=60))
    limits.set("fast", LaneConfig(batch_size=1, delay=0))
    assert order == [("records", 5), ("delay", 60), ("delay", 0), ("records", 100)]


class FakeFunctions(Pages):
    """Lambda with one dispatcher, whose environment somebody else changes once, and that AWS is busy with a while."""

    def __init__(self, **environment: Any) -> None:
        super().__init__()
        self.records = 1
        self.environment: dict[str, Any] = environment or {"Variables": {"SLIPS_DELAY": "0"}}
        self.revision, self.busy, self.conflicts, self.status = 1, 0, 1, "Successful"

    def paginate(self, **_: Any) -> Iterator[Any]:
        mapping = {"UUID": "u", "BatchSize": self.records, "EventSourceArn": "arn:aws:kinesis:x"}
        yield {"EventSourceMappings": [mapping]}

    def get_function_configuration(self, **_: Any) -> Any:
        self.busy = max(0, self.busy - 1)
        status = "InProgress" if self.busy else self.status
        about = {"RevisionId": str(self.revision), "Timeout": 900, "LastUpdateStatus": status}
        return {**about, "Environment": self.environment, "LastUpdateStatusReason": "no such key"}

    def update_function_configuration(self, **request: Any) -> None:
        if self.conflicts:
            self.conflicts -= 1
            self.revision += 1
            self.environment["Variables"]["THEIRS"] = "1"
        if request["RevisionId"] != str(self.revision):
            raise refusal("PreconditionFailedException")
        assert request["Timeout"] == 900
        self.environment, self.busy = request["Environment"], 3


def limited(functions: FakeFunctions) -> list[float]:
    """Sets a delay; how long was slept."""
    slept: list[float] = []
    stack = DeployedStack(clients(functions=functions), "test", {"FastDispatcher": "fast"}, sleep=slept.append)
    LaneLimits(stack).set("fast", LaneConfig(batch_size=1, delay=5))
    return slept


def test_a_change_by_somebody_else_in_between_is_not_lost(credentials: None) -> None:
    functions = FakeFunctions()
    assert limited(functions) == [2, 0.5, 0.5]
    assert functions.environment == {"Variables": {"SLIPS_DELAY": "5", "THEIRS": "1"}}


def test_a_limit_that_cannot_be_set_is_failed_work(credentials: None) -> None:
    always = FakeFunctions()
    always.conflicts = 99
    with pytest.raises(SlipsError, match="is being changed by others all the time"):
        limited(always)
    failing = FakeFunctions()
    failing.status = "Failed"
    with pytest.raises(SlipsError, match="AWS could not change it: no such key"):
        limited(failing)


def test_an_environment_that_cannot_be_read_is_not_replaced(credentials: None) -> None:
    functions = FakeFunctions(Error={"ErrorCode": "AccessDenied", "Message": "no kms:Decrypt"})
    with pytest.raises(SlipsError, match="its environment cannot be read: no kms:Decrypt"):
        limited(functions)


NOTING = """\
import slips.interface
from pathlib import Path

class Noting(slips.interface.Handler):
    def recv(self, meta, event):
        self.key = meta.source.object_key

    def result(self):
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(f"{self.key}\\n")
"""


def noted(project: Project) -> list[str]:
    """Keys of the objects that are done, in order."""
    return (project.root / "done").read_text().splitlines()


@pytest.mark.slow
def test_on_this_machine_run_starts_the_batches_of_a_lane_apart_and_holds_up_no_other(project: Project) -> None:
    project.handler(NOTING)
    for key in ("slow/1", "slow/2", "slow/3", *(f"json/{number:03}" for number in range(70))):
        project.put(key, {"n": 1})
    done = project.slips("limit", "slow", "-d", "300", "-b", "2")
    assert done.out == "delay:      0 -> 300\nbatch_size: 1 -> 2\npace:       at most 24 objects an hour\n"
    assert "it holds here until it is set again" in done.err
    (project.root / "done").touch()
    with subprocess.Popen([sys.executable, "-m", "slips", "run"], cwd=project.root, stderr=subprocess.PIPE) as run:
        while len(noted(project)) < 72 and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
    assert run.returncode == 130
    assert Counter(key.partition("/")[0] for key in noted(project)) == {"json": 70, "slow": 2}
    project.slips("limit", "slow", "-d", "1", "-b", "1")
    project.put("slow/4", {"n": 1})
    assert project.slips("run", "--json").json["seconds"] >= 1
    assert len(set(noted(project))) == 74


@pytest.mark.slow
def test_a_delayed_fast_lane_does_not_hold_up_the_slow_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "AT_HAND", 1)
    project.handler(NOTING)
    for key in ("slow/1", *(f"json/{number}" for number in range(2))):
        project.put(key, {"n": 1})
    project.slips("limit", "fast", "-d", "5")
    assert project.slips("run", "--json").json["seconds"] >= 5
    first, second, last = noted(project)
    assert {first, second} == {"slow/1", "json/0"}
    assert last == "json/1"


def test_on_this_machine_the_config_gives_the_default_and_setting_it_back_gives_it_back(project: Project) -> None:
    lanes = CONFIG.replace("  embedded:", "  lane: {slow: {delay: 3, batch_size: 4}}\n  embedded:")
    project.config(lanes)
    assert (
        project.slips("limit", "slow").out
        == "delay:      3\nbatch_size: 4\npace:       at most 4,800 objects an hour\n"
    )
    project.slips("limit", "slow", "-d", "9")
    project.config(lanes.replace("batch_size: 4", "batch_size: 5"))
    assert project.slips("limit", "slow", "--json").json["batch_size"] == 5
    assert project.slips("limit", "slow", "-d", "3").out.startswith("delay:      9 -> 3\nbatch_size: 5\n")
    project.config(lanes.replace("delay: 3", "delay: 8"))
    assert project.slips("limit", "slow").out.startswith("delay:      8\nbatch_size: 4\n")


# ---- pauses


def test_a_lane_is_paused_with_a_reason_and_resumed(project: Project) -> None:
    done = project.slips("limit", "slow", "--pause", "--reason", "the sink moves")
    lines = done.out.splitlines()
    assert lines[:2] == ["delay:      0", "batch_size: 1"]
    assert re.fullmatch(
        r"paused:     by \S+@\S+: the sink moves, since \S+Z; 'slips limit slow --resume' ends it", lines[2]
    )
    assert re.search("\n  paused: by .*: the sink moves, since ", project.slips("status").out)
    (pause,) = project.slips("status", "--json").json["pauses"]
    assert (pause["lane"], pause["cause"], pause["reason"]) == ("slow", "operator", "the sink moves")
    assert project.slips("limit", "slow", "--json").json["pauses"] == [pause]
    told = project.slips("errors").err
    assert re.fullmatch("slips: lane slow is paused by .*: the sink moves; 'slips limit slow' tells more\n", told)
    assert "pauses" not in project.slips("limit", "fast", "--json").json
    done = project.slips("limit", "slow", "--resume")
    assert re.search("^slips: no longer paused by .*: the sink moves$", done.err.rstrip())
    assert project.slips("limit", "slow", "--resume").err == "slips: lane slow was not paused\n"
    assert "pauses" not in project.slips("status", "--json").json


def test_a_pause_of_a_stack_is_said_and_nothing_more_is_asked_of_the_operator(cloud: Cloud) -> None:
    done = cloud.slips("limit", "slow", "--pause")
    assert [line.partition(":")[0] for line in done.out.splitlines()] == ["delay", "batch_size", "pace", "paused"]
    assert "\n  paused: by " in cloud.slips("status").out


def test_a_budget_of_the_day_is_shown_and_set(project: Project) -> None:
    done = project.slips("limit", "fast", "--objects-per-day", "200", "--bytes-per-day", "5GB")
    assert done.out.splitlines()[2:] == [
        "budget:     0 of 200 objects today",
        "budget:     0 of 5,000,000,000 bytes today",
    ]
    assert project.slips("limit", "slow", "--json").json["budget"]["budget"] == {
        "objects_per_day": 200,
        "bytes_per_day": 5 * 10**9,
    }
    done = project.slips("limit", "fast", "--bytes-per-day", "off")
    assert done.out.splitlines()[2:] == ["budget:     0 of 200 objects today"]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--pause", "--resume"], "--pause: with --resume; expected one of them"),
        (["--reason", "x"], "--reason: without --pause; expected a pause that it is the reason of"),
        (["--objects-per-day", "0"], "--objects-per-day 0: cannot be used; expected a number from 1, or off"),
        (["--objects-per-day", "5GB"], "--objects-per-day 5GB: cannot be used; expected a number from 1, or off"),
        (["--bytes-per-day", "x"], "--bytes-per-day x: cannot be used; expected a size such as 500GB, or off"),
    ],
)
def test_pauses_and_budgets_that_mean_nothing_are_wrong_input(project: Project, args: list[str], problem: str) -> None:
    done = project.slips("limit", "fast", *args)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"slips: {problem}")


def test_a_stack_whose_dispatchers_know_no_brakes_refuses_to_pause(bare: Cloud) -> None:
    body = template()
    before = {"SLIPS_MAIN_FUNC": "main", "SLIPS_DELAY": "0"}
    for name in ("Fast", "Slow"):
        body["Resources"][f"{name}Dispatcher"]["Properties"]["Environment"] = {"Variables": before}
    bare.deploy(body)
    assert bare.slips("limit", "fast").status == 0
    done = bare.slips("limit", "fast", "--pause")
    assert (done.status, done.out) == (2, "")
    assert "has no brakes; expected Dispatchers of this version, which look at them; " in done.err
