"""Counts of what the functions do: clients and descriptions read by a new environment, decodes and encodes of a hop."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

import msgspec
import pytest

import aws
from fakes import object_event
from invoked import KEY, Context, Stack, kinesis, payload_of, put_undelivered, sent, stack
from slips import lambdas
from slips.config import Route
from slips.envelope.arrivals import evidence
from slips.envelope.lane import decode, encode
from slips.model import ObjectEvent
from slips.site.function import LambdaSite

__all__ = ["stack"]


# ---- what a new execution environment costs


def test_functions_make_their_own_clients_from_their_settings(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambdas, "_site", LambdaSite(os.environ))
    stack.call(lambdas.event_pusher, sent("sns-s3.json"))
    event = stack.put(KEY, {"n": 1})
    assert stack.call(lambdas.main_func, payload_of(event))["succeeded"] == 1
    assert stack.call(lambdas.drain, {})["drained"] == 0
    assert len(stack.lane()) == 1


@pytest.mark.parametrize(("routing", "services"), [([], {"kinesis"}), ([Route(dest="drop")], {"kinesis", "dynamodb"})])
def test_the_event_pusher_makes_a_client_of_the_ledger_only_if_a_rule_drops(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, routing: list[Route], services: set[str]
) -> None:
    stack.package(routing)
    site = LambdaSite(os.environ)
    monkeypatch.setattr(lambdas, "_site", site)
    stack.call(lambdas.event_pusher, sent("sns-s3.json"))
    assert {"kinesis", "dynamodb", "s3", "sqs", "ssm"} & vars(site.clients).keys() == services


def test_the_main_func_asks_for_secrets_once_in_the_life_of_its_process(stack: Stack) -> None:
    class Counting:
        asked = 0

        def get_parameters(self, **names: Any) -> Any:
            self.asked += 1
            return aws.client("ssm").get_parameters(**names)

    site: Any = lambdas._site
    site.clients.ssm = counting = Counting()
    for key in ("azure/1", "azure/2", "azure/3"):
        stack.call(lambdas.main_func, payload_of(stack.put(key, {"n": 1})), Context(key))
    assert counting.asked == 1


IMPORT = """
import sys, time
begun = time.process_time()
import slips.lambdas
print(round((time.process_time() - begun) * 1000))
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


GARBAGE = """
import gc, os
from slips import lambdas
print(gc.isenabled())
class Context:
    aws_request_id = "r1"
    get_remaining_time_in_millis = staticmethod(lambda: 1_000)
with lambdas._metered("Drain", Context()):
    print(gc.isenabled(), gc.get_freeze_count() > 10_000)
gc.disable()  # as a handler may
with lambdas._metered("Drain", Context()):
    print(gc.isenabled())
"""


@pytest.mark.parametrize(
    ("name", "seen"), [("AWS_LAMBDA_FUNCTION_NAME", "False True True False"), ("OTHER", "True True False False")]
)
def test_no_garbage_is_looked_for_until_the_first_invocation_on_aws(name: str, seen: str) -> None:
    environment = {**os.environ, name: "app-MainFunc"}
    done = subprocess.run([sys.executable, "-c", GARBAGE], env=environment, capture_output=True, text=True, check=True)
    assert " ".join(re.findall("True|False", done.stdout)) == seen


def test_importing_the_functions_imports_neither_boto3_nor_what_only_the_command_line_needs() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    milliseconds, modules = done.stdout.splitlines()
    print(f"slips.lambdas: {milliseconds} ms of CPU")
    heavy = {
        "boto3",
        "botocore",
        "s3transfer",
        "urllib3",
        "click",
        "rich",
        "yaml",
        "uv",
        "sqlite3",
        "asyncio",
    }
    assert heavy & set(modules.split()) == set()


# ---- what a hop costs for each object event


OTHERS = re.compile(r"slips\.(ports|telemetry|formats\..*|pipeline\.result|backends\.aws\.(ledger|error_table))$")
"""Modules that read and write other JSON than the events that travel: log lines, records, results, keys and values of
what is stored."""


class Conversions:
    """Counts JSON texts decoded, JSON texts encoded, and values converted to a struct, by modules of slips."""

    KINDS: ClassVar = {
        msgspec.json.decode: "decoded",
        msgspec.json.encode: "encoded",
        msgspec.convert: "converted",
        json.loads.__code__: "decoded",
        json.dumps.__code__: "encoded",
    }

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Counter[str]:
        sys.setprofile(self._called)
        return self.counts

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            caller, function = frame.f_back, frame.f_code
        elif event == "c_call":
            caller = frame
        else:
            return
        kind = self.KINDS.get(function) if function.__hash__ else None
        module = caller.f_globals.get("__name__", "") if caller is not None else ""
        if kind and module.startswith("slips.") and not OTHERS.match(module):
            self.counts[kind] += 1


def test_conversions_are_counted() -> None:
    """The counter itself: if it saw nothing, no test below could fail."""
    with Conversions() as counts:
        decode(encode(object_event("k")))
        evidence({}, 100)  # by `json`, in Python
    assert counts == {"encoded": 2, "decoded": 1, "converted": 1}


def by_queue(*events: ObjectEvent) -> Any:
    """A batch of SQS, a message of S3's for each."""
    (record, *_) = sent("sqs-s3.json")["Records"]
    return {"Records": [{**record, "messageId": f"m{number}"} for number, _ in enumerate(events)]}


def given_up(payload: Any) -> Any:
    """An on-failure record."""
    return {**sent("on-failure-main.json"), "requestPayload": payload}


@pytest.mark.parametrize(
    ("function", "payload", "cost"),
    [
        (lambdas.event_pusher, by_queue, {"decoded": 1, "encoded": 1}),
        (lambdas.dispatcher, lambda *events: kinesis(*map(encode, events)), {"decoded": 1, "converted": 1}),
        (lambdas.main_func, payload_of, {"converted": 1}),
        (lambdas.reporter, lambda *events: given_up(payload_of(*events)), {"converted": 1}),
        (
            lambdas.reporter,
            lambda *events: given_up(kinesis(*map(encode, events))),
            {"decoded": 1, "converted": 1},
        ),
    ],
    ids=["EventPusher", "Dispatcher", "MainFunc", "Reporter", "Reporter of a lane"],
)
def test_a_hop_decodes_an_object_event_once_and_encodes_it_once(
    stack: Stack, function: Callable[[Any, Any], Any], payload: Callable[..., Any], cost: dict[str, int]
) -> None:
    few, many = 1, 4
    spent = []
    for run, size in enumerate((few, few, many)):  # the first run pays for the start of a process, too
        events = [stack.put(f"azure/{run}/{number}", {"n": number}) for number in range(size)]
        given = payload(*events)
        with Conversions() as counts:
            stack.call(function, given, Context(f"r{run}"))
        spent.append(counts)
    _, less, more = spent
    more.subtract(less)
    assert {kind: count / (many - few) for kind, count in more.items() if count} == cost


def test_drain_decodes_an_undelivered_event_once_and_encodes_it_once(stack: Stack) -> None:
    spent = []
    for run, size in enumerate((1, 1, 4)):
        put_undelivered(stack, *(object_event(f"{run}/{number}") for number in range(size)))
        with Conversions() as counts:
            assert stack.call(lambdas.drain, {})["undelivered"] == size
        spent.append(counts)
    _, less, more = spent
    more.subtract(less)
    assert {kind: count / 3 for kind, count in more.items() if count} == {"converted": 1, "encoded": 1}


def test_a_continuation_is_encoded_once_for_its_lane(stack: Stack) -> None:
    spent = []
    for run, milliseconds in enumerate((900_000, 900_000, 1)):
        event = stack.put(f"azure/{run}", *({"n": number} for number in range(5)))
        with Conversions() as counts:
            stack.call(lambdas.main_func, payload_of(event), Context(f"r{run}", milliseconds))
        spent.append(counts)
    (rest,) = stack.lane()
    assert rest.records is not None
    _, whole, part = spent
    part.subtract(whole)
    assert {kind: count for kind, count in part.items() if count} == {"encoded": 1}
