"""`slips status` on a stack: lag, alarms, undelivered messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fakes import object_event
from slips.backends.aws import cloudwatch
from slips.backends.aws import operations as aws_operations
from slips.backends.aws.ledger import LEDGER_DAYS
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.stack import DeployedStack
from slips.errors import SlipsError
from slips.model import Outcome
from slips.operations import Alarm, LaneStatus
from stack_fixtures import bare, cloud, credentials
from stacks import OLD, VARIABLES, Cloud, Pages, clients, refusal, resource, template, undelivered

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


@pytest.mark.slow
def test_status_says_what_is_known_of_a_stack(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", kind="records", fingerprint="beef", message="other")
    undelivered(cloud, "x", "y")
    stack = cloud.stack()
    stack.ledger.finish(OLD, Outcome(records=1, delivered=1))
    done = cloud.slips("status")
    assert done.out.startswith(
        "lane fast: idle: nothing arrived or was dispatched in the last 5 min\n"
        "lane slow: idle: nothing arrived or was dispatched in the last 5 min\n"
        "objects: 1 failed; others are not counted: '--ledger' reads the whole ledger\n"
        "errors: 2 items of 1 failed object\n"
        "undelivered: 2 messages; 'slips drain' puts back what it can read of them, and says why the rest stays; "
        "'slips dismiss --undelivered' takes that out\n"
        "alarms: none is on\n"
        "     1  f00d  handler KeyError: "
    )
    assert "objects: 1 done, 1 failed\n" in cloud.slips("status", "--ledger").out
    told = cloud.slips("status", "--json").json
    of_errors = ["errors", "failed_objects", "quarantined_objects", "groups"]
    assert list(told) == ["lanes", "ledger", "undelivered", "alarms", *of_errors]
    assert (told["errors"], told["undelivered"], told["ledger"]) == ({"object": 1, "records": 1}, 2, None)


def test_the_lag_is_the_latest_iterator_age_and_arrivals_are_summed(cloud: Cloud) -> None:
    asked: list[Any] = []

    class CloudWatch:
        def get_metric_data(self, **request: Any) -> Any:
            asked.append(request)
            values = {"fast_age": [35_200.0, 1.0], "fast_new": [2.0, 3.0], "slow_age": [], "slow_new": []}
            return {"MetricDataResults": [{"Id": name, "Values": each} for name, each in values.items()]}

    cloud.clients.cloudwatch = CloudWatch()  # type: ignore[assignment]
    stack = DeployedStack.find(cloud.clients, "test", clock=lambda: 1_000_000.0)
    lanes = StackOperations(stack).status(count_ledger=False).lanes
    assert lanes["fast"] == LaneStatus(waiting=None, oldest_seconds=35.2, arrived=5)
    assert lanes["slow"] == LaneStatus(waiting=None, oldest_seconds=None, arrived=0)
    assert (asked[0]["StartTime"], asked[0]["EndTime"]) == ("1970-01-12T13:41:40.000Z", "1970-01-12T13:46:40.000Z")
    names = [each["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for each in asked[0]["MetricDataQueries"]]
    assert names[:2] == [stack.made["FastDispatcher"], stack.streams["fast"]]


NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Alarms:
    """CloudWatch, in which alarms with these names are on, others have had no data for hours; it may refuse to say so.

    All others are off.
    """

    def __init__(self, *on: str, silent: dict[str, int] | None = None, refusal: ClientError | None = None) -> None:
        self.on, self.silent, self.refusal, self.asked = on, silent or {}, refusal, list[int]()

    def get_paginator(self, operation: str) -> Alarms:
        assert operation == "describe_alarms"
        return self

    def paginate(self, *, AlarmNames: Sequence[str]) -> Iterator[Any]:
        if self.refusal:
            raise self.refusal
        self.asked.append(len(AlarmNames))
        for name in AlarmNames:
            since = datetime(2026, 1, 1 + (name == "A1"), tzinfo=UTC)
            state = "ALARM" if name in self.on else "OK"
            if name in self.silent:
                since, state = NOW - timedelta(hours=self.silent[name]), "INSUFFICIENT_DATA"
            yield {"MetricAlarms": [{"AlarmName": name, "StateUpdatedTimestamp": since, "StateValue": state}]}


def alarms_on(watch: Alarms) -> list[Alarm] | None:
    names = [f"A{number}" for number in range(130)]
    stack = DeployedStack(clients(cloudwatch=watch), "test", {}, names, clock=NOW.timestamp)
    return cloudwatch.alarms_on(stack)


def test_any_number_of_alarms_is_asked_for_and_the_longest_on_is_first() -> None:
    watch = Alarms("A1", "A120")
    assert [one.name for one in alarms_on(watch) or ()] == ["A120", "A1"]
    assert watch.asked == [100, 30]


def test_an_alarm_that_has_had_no_data_for_hours_is_shown_and_a_new_one_is_not() -> None:
    """Of a rule that was disabled, DrainAlarm has no data any more; of a new stack, no alarm has any yet."""
    watch = Alarms(silent={"A3": 1, "A4": 3})
    assert [one.name for one in alarms_on(watch) or ()] == ["A4"]


def test_the_alarms_are_those_that_the_stack_made() -> None:
    found = [resource(name, ResourceType="AWS::CloudWatch::Alarm") for name in ("LostAlarm", "Other")]
    made = [*found, resource("Role"), resource("Gone", "DELETE_COMPLETE", ResourceType="AWS::CloudWatch::Alarm")]
    watch = Alarms("physical-LostAlarm", "physical-Gone", "Other")
    stack = DeployedStack.find(
        clients(cloudformation=Pages({"StackResourceSummaries": made}), cloudwatch=watch), "test"
    )
    assert cloudwatch.alarms_on(stack) == [Alarm("physical-LostAlarm", "2026-01-01T00:00:00.000Z", "")]


def test_status_shows_alarms_that_are_on_with_what_could_steer_a_terminal_spelled_out(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"name": "LostAlarm", "since": "2026-01-01T00:00:00.000Z", "description": "Look \x1b[31m\nhere."}
    monkeypatch.setattr(aws_operations, "alarms_on", lambda _: [Alarm(**on)])
    assert cloud.slips("status").out.partition("undelivered: none\n")[2] == (
        "alarms: 1 on\n  LostAlarm, since 2026-01-01T00:00:00.000Z: Look \\x1b[31m\\nhere.\n"
    )
    assert cloud.slips("status", "--json").json["alarms"] == [on]


def test_alarms_that_may_not_be_read_are_unknown_and_fail_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alarms_on(Alarms(refusal=refusal("AccessDenied"))) is None
    with pytest.raises(SlipsError, match="Throttling"):
        alarms_on(Alarms(refusal=refusal("Throttling")))
    monkeypatch.setattr(aws_operations, "alarms_on", lambda _: None)
    for args in ([], ["--json"]):
        done = cloud.slips("status", *args)
        assert (done.status, done.err) == (
            0,
            "slips: alarms are unknown: AWS denies cloudwatch:DescribeAlarms; expected it to be allowed; allow it\n",
        )
    assert done.json["alarms"] is None


def test_what_operators_drop_is_remembered_as_long_as_the_stack_remembers(bare: Cloud) -> None:
    for days, known in (("7", 7), (None, LEDGER_DAYS)):
        body, name = template(), f"days-{days}"
        variables = {**VARIABLES["Drain"], **({"SLIPS_LEDGER_DAYS": days} if days else {})}
        body["Resources"]["Drain"]["Properties"]["Environment"] = {"Variables": variables}
        bare.deploy(body, name)
        stack = DeployedStack.find(bare.clients, name, clock=lambda: 1_000_000.0)
        stack.ledger.drop(object_event("a"))
        (item,) = bare.clients.dynamodb.scan(TableName=stack.made["Ledger"])["Items"]
        assert item["expires_at"] == {"N": str(1_000_000 + known * 86_400)}
