"""Promises of the template to those who watch: logs, alarms, the dashboard, the picture."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import pytest
import yaml

import picture
from slips import config
from slips.backends.aws import FUNCTIONS
from slips.deploy import age
from slips.deploy.given import Given
from slips.deploy.template import build
from templates import CODE, CONFIGS, FULL, GIVEN, ORIGINAL, changed, made, of_type, properties

pytestmark = pytest.mark.once


# ---- what people look at


def test_every_function_writes_to_a_log_group_of_the_stack() -> None:
    stack = made(ORIGINAL)
    for function in of_type(stack, "Lambda::Function").values():
        # Lambda's own lines about each run that goes well would cost as much as ours; ours all come through.
        logging = function["LoggingConfig"]
        levels = logging["SystemLogLevel"], logging["ApplicationLogLevel"]
        assert (logging["LogFormat"], levels) == ("JSON", ("WARN", "DEBUG"))
    assert {name: properties(stack, name)["LoggingConfig"]["LogGroup"] for name in FUNCTIONS} == {
        name: {"Ref": f"{name}Logs"} for name in FUNCTIONS
    }
    assert {one["RetentionInDays"] for one in of_type(stack, "Logs::LogGroup").values()} == {30}


def test_alarms_tell_whom_the_config_names() -> None:
    alarms = of_type(made(FULL), "CloudWatch::Alarm")
    assert {tuple(one["AlarmActions"]) for one in alarms.values()} == {
        ("arn:aws:sns:eu-central-1:123456789012:on-call",)
    }
    for name, one in alarms.items():
        assert one["TreatMissingData"] == ("missing" if name == "DrainAlarm" else "notBreaching")


def test_there_is_an_alarm_for_each_way_to_fail() -> None:
    alarms = of_type(made(ORIGINAL), "CloudWatch::Alarm")
    watched = {
        re.search(r'"MetricName": "(\w+)"', json.dumps(one))[1]: name  # type: ignore[index]
        for name, one in alarms.items()
    }
    assert set(watched) == {
        "ErrorItems",
        "Quarantined",
        "IteratorAge",
        "IncomingRecords",
        "Throttles",
        "AsyncEventAge",
        "ApproximateNumberOfMessagesVisible",
        "DestinationDeliveryFailures",
        "Errors",
        "Pauses",
    }
    for function in FUNCTIONS:
        assert f"{function}ThrottledAlarm" in alarms


def test_alarms_have_a_threshold_of_their_own() -> None:
    alarms = of_type(made(ORIGINAL), "CloudWatch::Alarm")
    thresholds = {name: one["Threshold"] for name, one in alarms.items() if one["Threshold"]}
    assert thresholds == {
        "QuarantineAlarm": 1,
        "FastDispatcherLateAlarm": 3_600_000,
        "SlowDispatcherLateAlarm": 86_400_000,
        "MainFuncWaitsAlarm": 3 * 3_600_000,
    }
    assert all(one["ComparisonOperator"] == "GreaterThanThreshold" for one in alarms.values())


@pytest.mark.parametrize("hours", [24, 48, 168, 8760])
def test_a_lane_alarms_in_time_to_be_mended_and_gives_up_in_time_to_be_read_back(hours: int) -> None:
    streams = {f"arn:aws:kinesis:eu-central-1:123456789012:stream/{lane}": hours for lane in ("fast", "slow")}
    stack = build(config.parse(GIVEN), CODE, given=Given(streams))
    for lane in ("Fast", "Slow"):
        most = properties(stack, f"{lane}DispatcherMapping")["MaximumRecordAgeInSeconds"]
        reporter = properties(stack, "ReporterInvoke")["MaximumEventAgeInSeconds"]
        assert 60 <= most <= 604_800  # what Lambda takes
        assert most + 2 * reporter <= hours * 3600
        alarm = properties(stack, f"{lane}DispatcherLateAlarm")
        assert alarm["Threshold"] <= most * 1000 / 2
        assert f"over {alarm['Threshold'] // 3_600_000} h" in alarm["AlarmDescription"]


def test_a_stream_that_nobody_has_read_is_taken_for_one_of_a_day_and_ones_own_for_what_it_is() -> None:
    given = made(GIVEN)
    assert properties(given, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(24) == 12 * 3600
    own = made(ORIGINAL)
    hours = properties(own, "EventSlowStream")["RetentionPeriodHours"]
    assert properties(own, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(hours) == 156 * 3600
    cheap = changed(ORIGINAL, stream_shards=1)
    assert properties(cheap, "SlowDispatcherMapping")["MaximumRecordAgeInSeconds"] == age.most(24)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_lane_on_which_objects_arrive_and_whose_dispatcher_is_not_invoked_alarms(name: str) -> None:
    stack = made(CONFIGS[name])
    for lane in ("Fast", "Slow"):
        alarm = properties(stack, f"{lane}DispatcherStoppedAlarm")
        result, *inputs = alarm["Metrics"]
        assert result["Expression"] == "IF(FILL(m1, 0) > 0 AND FILL(m2, 0) == 0, 1, 0)"
        stream = lane.lower() if name == "given" else {"Ref": f"Event{lane}Stream"}
        metrics = [each["MetricStat"]["Metric"] for each in inputs]
        assert [(each["MetricName"], each["Dimensions"][0]["Value"]) for each in metrics] == [
            ("IncomingRecords", stream),
            ("Invocations", {"Ref": f"{lane}Dispatcher"}),
        ]
        # What arrives in the first period is dispatched in the second at the latest, however long it is delayed.
        assert alarm["EvaluationPeriods"] == 2
        longest_delay = properties(stack, f"{lane}Dispatcher")["Timeout"]
        assert all(each["MetricStat"]["Period"] > 300 + longest_delay for each in inputs)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_drain_of_which_every_run_fails_alarms_also_if_each_runs_into_its_time_limit(name: str) -> None:
    """Other functions' failures have destinations, with alarms; Drain has none, and its schedule forgets a failure."""
    stack = made(CONFIGS[name])
    alarm = properties(stack, "DrainAlarm")
    result, *inputs = alarm["Metrics"]
    assert (result["Expression"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("IF(m1 >= m2, 1, 0)", 0, 1)
    metrics = [each["MetricStat"]["Metric"] for each in inputs]
    drain = [{"Name": "FunctionName", "Value": {"Ref": "Drain"}}]
    assert [(each["Namespace"], each["MetricName"], each["Dimensions"]) for each in metrics] == [
        ("AWS/Lambda", "Errors", drain),
        ("AWS/Lambda", "Invocations", drain),
    ]
    assert all(each["MetricStat"]["Stat"] == "Sum" for each in inputs)
    assert all(each["MetricStat"]["Period"] >= 2 * properties(stack, "Drain")["Timeout"] for each in inputs)
    assert "DrainInvoke" not in stack["Resources"]


def test_a_drain_that_nothing_invokes_any_more_is_notified_and_a_new_stack_is_not() -> None:
    """With its rule disabled, Drain has no metrics: the alarm gets INSUFFICIENT_DATA, in which a new one begins."""
    alarms = [each["Properties"] for each in made(FULL)["Resources"].values() if each["Type"].endswith("::Alarm")]
    silent = [alarm for alarm in alarms if alarm["TreatMissingData"] != "notBreaching"]
    assert silent == [properties(made(FULL), "DrainAlarm")]
    assert silent[0]["TreatMissingData"] == "missing"
    assert silent[0]["InsufficientDataActions"] == silent[0]["AlarmActions"]
    assert not any("InsufficientDataActions" in each for each in alarms if each not in silent)


def test_a_queue_whose_messages_wait_alarms_long_before_they_expire() -> None:
    alarm = properties(made(FULL), "QueueQueuedWaitsAlarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", 3600)
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "logs"}]


def test_the_daily_audit_alarms_if_something_is_missing_or_it_does_not_end() -> None:
    stack = made(FULL)
    missing, audit = (properties(stack, name) for name in ("MissingAlarm", "AuditAlarm"))
    assert (missing["Namespace"], missing["MetricName"], missing["Statistic"]) == ("slips", "MissingObjects", "Maximum")
    assert (audit["MetricName"], audit["Dimensions"][0]["Value"]) == ("Errors", {"Ref": "Audit"})
    for alarm in (missing, audit):
        assert (alarm["Threshold"], alarm["Period"]) == (0, 86_400)
    rule = properties(stack, "AuditSchedule")
    assert (rule["ScheduleExpression"], rule["Targets"][0]["Arn"]) == ("rate(1 day)", {"Fn::GetAtt": ["Audit", "Arn"]})
    then = properties(stack, "AuditContinuation")
    assert (then["ScheduleExpression"], then["Targets"]) == (
        "rate(5 minutes)",
        [{"Id": "Audit", "Arn": {"Fn::GetAtt": ["Audit", "Arn"]}, "Input": '{"continue":true}'}],
    )
    assert not [name for name in made(ORIGINAL)["Resources"] if "Audit" in name or name == "MissingAlarm"]


def test_a_limit_that_was_asked_for_does_not_alarm() -> None:
    alarms = of_type(made(FULL), "CloudWatch::Alarm")
    assert "MainFuncThrottledAlarm" not in alarms
    assert "MainFuncWaitsAlarm" in alarms


def test_a_stack_without_a_dashboard_names_none() -> None:
    stack = changed(ORIGINAL, dashboard=False)
    assert not of_type(stack, "CloudWatch::Dashboard")
    assert "DashboardName" not in stack["Outputs"]


def test_the_dashboard_is_json_of_the_deployed_region() -> None:
    stack = made(FULL)
    body = json.loads(properties(stack, "SlipsDashboard")["DashboardBody"]["Fn::Sub"])
    first, *graphs = (widget["properties"] for widget in body["widgets"])
    assert len(first["alarms"]) == len(of_type(stack, "CloudWatch::Alarm"))
    assert {graph["region"] for graph in graphs} == {"${AWS::Region}"}
    places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
    assert len(set(places)) == len(places)


# ---- the picture


def _texts(drawing: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_shows_what_the_template_makes(name: str) -> None:
    stack = made(CONFIGS[name])
    texts = _texts(picture.draw(stack))
    for kind in ("Lambda::Function", "Kinesis::Stream", "DynamoDB::Table", "SNS::Topic", "SQS::Queue"):
        assert set(of_type(stack, kind)) <= set(texts)


def test_the_picture_shows_what_the_config_gives() -> None:
    texts = _texts(picture.draw(made(GIVEN)))
    assert {"logs", "fast", "slow", "failures", "Errors"} <= set(texts)
    assert "EventFastStream" not in texts
    full = _texts(picture.draw(made(FULL)))
    assert {"trails", "your queue", "rule for 2 buckets", "2 buckets, directly", "stream, 3 shards"} <= set(full)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_changes_with_each_resource(name: str) -> None:
    stack = made(CONFIGS[name])
    whole = picture.draw(stack)
    for resource in stack["Resources"]:
        rest = {key: one for key, one in stack["Resources"].items() if key != resource}
        assert picture.draw({**stack, "Resources": rest}) != whole, resource


@pytest.mark.parametrize("name", CONFIGS)
def test_the_picture_changes_with_each_failure_route(name: str) -> None:
    stack = made(CONFIGS[name])
    dashed = picture.draw(stack).count('class="arrow fails"')
    for function in ("EventPusher", "MainFunc", "Reporter"):
        rest = {key: one for key, one in stack["Resources"].items() if key != f"{function}Invoke"}
        assert picture.draw({**stack, "Resources": rest}).count('class="arrow fails"') == dashed - 1


def test_the_picture_stays_within_its_frame_and_boxes_apart() -> None:
    data = yaml.safe_load(FULL)
    topics = [{"name": f"T{number}", "arn": f"arn:aws:sns:eu-central-1:123456789012:t{number}"} for number in range(9)]
    data["backend"]["sns_topics"] = topics
    drawing = ElementTree.fromstring(picture.draw(made(yaml.safe_dump(data))))
    width, height = map(float, drawing.attrib["viewBox"].split()[2:])
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for group in drawing.iter("{http://www.w3.org/2000/svg}g")
        for rect in group.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 9 + 3 + 13
    for x, y, wide, high in boxes:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height - 70
        others = [one for one in boxes if one != (x, y, wide, high)]
        assert len(others) == len(boxes) - 1
        assert not [one for one in others if abs(one[0] - x) < wide and abs(one[1] - y) < high]
