"""Each hop of the stack fails in turn; nothing is lost: every object is done, in the error table, or undelivered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloud import Cloud
from deployed import Deployed, deployed

pytest_plugins = ["cloud.plugin"]
pytestmark = pytest.mark.xdist_group("hops")

HANDLER = """\
import os
import time

import slips.interface

BUGS = {
    "exit": lambda: os._exit(3),
    "memory": lambda: bytearray(1 << 48),
    "kill": lambda: os.kill(os.getpid(), 9),
    "hang": lambda: time.sleep(60),
}


class Collect(slips.interface.Handler):
    def setup(self, args):
        self.seen = []

    def recv(self, meta, event):
        if "bug" in event:
            BUGS[event["bug"]]()
        self.seen.append(meta.seq)

    def result(self):
        return {"seen": self.seen}
"""


@pytest.fixture(scope="module")
def deployment(cloud_server: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """One stack for all tests here: deploying takes longer than they do."""
    cloud_server.reset()

    def prepare(project: Deployed) -> None:
        project.write("src/handler.py", HANDLER)
        project.change("slips.yml", "timeout: 30", "timeout: 10")

    return deployed(cloud_server, tmp_path_factory.mktemp("hops"), before=prepare)


class Landing:
    """Objects of one test on both lanes of the stack."""

    def __init__(self, project: Deployed, name: str) -> None:
        self.project, self.cloud = project, project.cloud
        self.keys = [f"{lane}/{name}/{number}.log" for lane in ("fast", "slow") for number in range(4)]

    def land(self) -> None:
        """The objects are put, and all that follows ends."""
        for key in self.keys:
            self.project.put("my-logs", key, [{"n": 1}, {"n": 2}, {"n": 3}])
        self.project.settle()

    def drain(self) -> None:
        """The cause is mended, and what failed goes back on its lane."""
        self.cloud.clear_faults()
        self.project.slips("drain")
        self.project.settle()

    def check_all_are_delivered_once(self) -> None:
        delivered = self.project.delivered()
        assert {key: delivered.get(f"my-logs/{key}") for key in self.keys} == {key: [1, 2, 3] for key in self.keys}
        assert self.project.items == []
        assert self.project.undelivered() == 0


@pytest.fixture
def landing(deployment: Deployed, request: pytest.FixtureRequest) -> Iterator[Landing]:
    yield Landing(deployment, hashlib.sha256(request.node.name.encode()).hexdigest()[:8])
    deployment.cloud.clear_faults()


def some(cases: dict[str, Any], *left: str) -> list[Any]:
    """All cases, of which those named, which are like others, are left to `make soak`."""
    return [
        pytest.param(
            *(values if isinstance(values, tuple) else [values]),
            id=name,
            marks=[pytest.mark.soak(seconds=15)] if name in left else [],
        )
        for name, values in cases.items()
    ]


Fault = dict[str, Any]
"""Arguments of `Cloud.fault`."""

PUT: Fault = {"service": "kinesis", "operation": "PutRecords"}
INVOKE: Fault = {"service": "lambda", "operation": "Invoke", "caller": "Dispatcher"}
GET: Fault = {"service": "s3", "operation": "GetObject", "caller": "MainFunc"}
UPDATE: Fault = {"service": "dynamodb", "operation": "UpdateItem", "caller": "MainFunc"}
THROTTLED: Fault = {"error": "ProvisionedThroughputExceededException"}
BUSY: Fault = {"error": "SlowDown", "status": 503}
BROKEN: Fault = {"error": "InternalFailure", "status": 500}

PASSING: dict[str, list[Fault]] = {
    "some records are refused, then all, then the call": [
        {**PUT, "refuse": 1, "times": 2},
        {**PUT, **THROTTLED, "times": 3},
        {**PUT, **BROKEN, "times": 2},
    ],
    "the main func is throttled": [{**INVOKE, "error": "TooManyRequestsException", "status": 429, "times": 12}],
    "S3 answers 500, then 503": [{**GET, **BROKEN, "times": 4}, {**GET, **BUSY, "times": 8}],
    "bodies of S3 are slow, and cut": [{**GET, "delay": 0.3, "times": 2}, {**GET, "cut": 5, "times": 5}],
    "DynamoDB is throttled": [{**UPDATE, **THROTTLED, "times": 14}],
    "the main func is killed once": [{**UPDATE, "kill": "before", "times": 1}],
}


@pytest.mark.parametrize("faults", some(PASSING, "the main func is throttled", "S3 answers 500, then 503"))
def test_a_passing_fault_leaves_no_error_and_no_duplicate(landing: Landing, faults: list[Fault]) -> None:
    for fault in faults:
        landing.cloud.fault(**fault)
    landing.land()
    landing.check_all_are_delivered_once()


LASTING: dict[str, tuple[Fault, tuple[str, str]]] = {
    "the lanes take nothing": ({**PUT, **BROKEN}, ("push", "StreamError")),
    "the main func takes nothing": (
        {**INVOKE, "error": "ServiceException", "status": 500},
        ("dispatch", "RetryAttemptsExhausted"),
    ),
    "S3 answers nothing but 503": ({**GET, **BUSY}, ("storage", "StorageError")),
    "the ledger answers nothing to the main func": ({**UPDATE, **BROKEN}, ("worker", "UnfinishedError")),
    "the main func is killed each time": ({**GET, "kill": "before"}, ("worker", "Runtime.ExitError")),
}


@pytest.mark.parametrize(
    ("fault", "told"), some(LASTING, "the lanes take nothing", "the ledger answers nothing to the main func")
)
def test_a_lasting_fault_makes_an_item_of_each_object_and_they_drain_when_mended(
    landing: Landing, fault: Fault, told: tuple[str, str]
) -> None:
    landing.cloud.fault(**fault, times=None)
    landing.land()
    items = landing.project.items
    assert sorted(item.events[0].object_key for item in items) == sorted(landing.keys)
    assert {(item.stage, item.error_type) for item in items} == {told}
    assert all(item.message for item in items)
    landing.drain()
    landing.check_all_are_delivered_once()


def test_records_too_old_to_dispatch_are_read_back_from_the_stream_and_drain(
    landing: Landing,
) -> None:
    functions = landing.cloud.client("lambda")
    dispatchers = [landing.project.physical(f"{lane}Dispatcher") for lane in ("Fast", "Slow")]
    for name in dispatchers:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with landing.cloud.settings(record_age=0.5):
        landing.land()
    items = landing.project.items
    assert sorted(item.events[0].object_key for item in items) == sorted(landing.keys)
    assert {(item.stage, item.error_type) for item in items} == {("dispatch", "RecordAgeExceeded")}
    for name in dispatchers:
        functions.delete_function_concurrency(FunctionName=name)
    landing.drain()
    landing.check_all_are_delivered_once()


def test_failures_that_the_reporter_cannot_record_are_kept_counted_and_drained(landing: Landing) -> None:
    landing.cloud.fault(**GET, **BUSY, times=None)
    landing.cloud.fault(**{**UPDATE, "caller": "Reporter"}, **BROKEN, times=None)
    landing.land()
    assert landing.project.items == []
    waiting = landing.project.undelivered()
    assert waiting > 0
    assert landing.project.slips("status", "--json").json["undelivered"] == waiting
    landing.drain()
    landing.check_all_are_delivered_once()


@pytest.mark.parametrize("operation", ["PutRecords", pytest.param("DeleteItem", marks=pytest.mark.soak(seconds=15))])
def test_a_drain_that_is_killed_half_way_is_made_good_by_the_next(landing: Landing, operation: str) -> None:
    landing.cloud.fault(**GET, **BUSY, times=None)
    landing.land()
    landing.cloud.clear_faults()
    service = "kinesis" if operation == "PutRecords" else "dynamodb"
    landing.cloud.fault(service, operation, kill="after", caller="Drain", skip=2)
    drain, functions = landing.project.physical("Drain"), landing.cloud.client("lambda")
    killed = functions.invoke(FunctionName=drain, Payload=b"{}")
    assert "FunctionError" in killed
    done = json.loads(functions.invoke(FunctionName=drain, Payload=b"{}")["Payload"].read())
    # The third item was sent; it is there still, unless its object is done by now, which takes it away.
    assert done["drained"] in (len(landing.keys) - 3, len(landing.keys) - 2)
    landing.project.settle()
    landing.check_all_are_delivered_once()


BUGS = ("exit", "memory", "kill", "hang")


def test_a_handler_that_takes_its_function_down_costs_its_own_object_alone(landing: Landing) -> None:
    project = landing.project
    bad = {f"slow/{bug}.log": bug for bug in BUGS}
    for key, bug in bad.items():
        project.put("my-logs", key, [{"n": 1}, {"bug": bug}])
    with landing.cloud.settings(grace=0):
        landing.land()
    told = {item.events[0].object_key: (item.stage, item.error_type) for item in project.items}
    # Of several that take an invocation down, AWS knows how it ended, not which of them it was.
    assert told.pop("slow/memory.log") == ("handler", "MemoryError")
    assert told.keys() == bad.keys() - {"slow/memory.log"}
    assert set(told.values()) <= {("worker", "Runtime.ExitError"), ("worker", "Sandbox.Timedout")}
    project.change("src/handler.py", 'if "bug" in event', "if False")
    project.deploy()
    landing.drain()
    delivered = project.delivered()
    assert {key: delivered.get(f"my-logs/{key}") for key in bad} == {key: [1, 2] for key in bad}
    landing.check_all_are_delivered_once()
    project.write("src/handler.py", HANDLER)
    project.deploy()
