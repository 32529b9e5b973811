"""The brakes of a stack in moto: a clock of all functions, objects on a lane, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import aws
from fakes import object_event
from invoked import Context, Stack, kinesis, payload_of, stack
from slips import lambdas, telemetry
from slips.backends.aws.brakes import DynamoBrakes
from slips.backends.aws.stack_brakes import StackBrakes
from slips.brakes import Brake, code_name
from slips.envelope.lane import LaneRecord, arguments
from slips.model import ObjectEvent
from slips.pipeline import hold

__all__ = ["stack"]
NOW = 1_790_000_000.0


class Clock:
    """The time of all functions."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(lambdas._site, "clock", lambda: self.now, raising=False)
        monkeypatch.setattr(lambdas._site, "monotonic", lambda: self.now, raising=False)


@pytest.fixture
def clock(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(stack, monkeypatch)


@pytest.fixture
def brakes(stack: Stack) -> DynamoBrakes:
    return DynamoBrakes(aws.client("dynamodb"), "ledger")


@pytest.fixture
def dynamodb(stack: Stack) -> Iterator[Callable[[Callable[[str, bytes], None]], None]]:
    """Lets a function be called with the name and the body of each request to DynamoDB."""
    events, hooks = lambdas._site.clients.dynamodb.meta.events, list[Any]()

    def call(watch: Callable[[str, bytes], None]) -> None:
        def hook(model: Any, params: Any, **_: Any) -> None:
            watch(model.name, params["body"])

        events.register("before-call.dynamodb", hook)
        hooks.append(hook)

    yield call
    for hook in hooks:
        events.unregister("before-call.dynamodb", hook)


def batch(*events: ObjectEvent) -> dict[str, Any]:
    return kinesis(*(json.dumps(event.to_dict()) for event in events))


def events(keys: Sequence[str], **about: Any) -> list[ObjectEvent]:
    return [object_event(f"azure/{key}", bucket_name="example-logs", lane="fast", **about) for key in keys]


def started(stack: Stack) -> str:
    """The keys that MainFunc was started with, since the last call."""
    found = [event.object_key for payload in stack.functions.payloads for event in arguments(json.loads(payload))]
    stack.functions.payloads.clear()
    return "".join(key.removeprefix("azure/") for key in found)


def dispatch(stack: Stack, *some: ObjectEvent) -> list[str]:
    """Numbers of the records that AWS delivers again."""
    answer = stack.call(lambdas.dispatcher, batch(*some))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def held(stack: Stack) -> dict[str, str]:
    """Stage by the keys of each item."""
    return {names(item.events): item.stage for item in stack.items}


def names(some: Sequence[ObjectEvent]) -> str:
    return "".join(event.object_key.removeprefix("azure/") for event in some)


def counted(stack: Stack) -> dict[str, int]:
    """The metrics of pauses."""
    return {name: line[name] for line in stack.metrics for name in telemetry.OF_PAUSES if name in line}


def code() -> str:
    site = lambdas._site
    return code_name(site.loader.version_of("handler.py"), site.config)


def kept_by(brake: Brake, some: Sequence[ObjectEvent]) -> list[hold.Kept]:
    assert brake.pause is not None
    records = [LaneRecord(str(number), json.dumps(event.to_dict()).encode()) for number, event in enumerate(some)]
    return [hold.Kept(*each, brake.pause, brake.handler) for each in zip(records, some, strict=True)]


def run(stack: Stack, *objects: ObjectEvent, request_id: str = "r") -> None:
    stack.call(lambdas.main_func, payload_of(*objects), Context(request_id))


def operator(clock: Clock) -> StackBrakes:
    deployed: Any = SimpleNamespace(
        variables=lambda _: {"SLIPS_LEDGER_TABLE": "ledger"}, clients=lambdas._site.clients, clock=lambda: clock.now
    )
    return StackBrakes(deployed)
