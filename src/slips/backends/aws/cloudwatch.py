"""Asks CloudWatch how many object events arrived on each lane, how long these waited, and which alarms are on."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.answers import code
from slips.backends.aws.refusals import DENIED, calls
from slips.backends.aws.stack import DeployedStack
from slips.model import LANES, Lane, format_time
from slips.operations import Alarm, LaneStatus

RECENT = 300
"""Seconds of metrics that the state of the lanes covers."""
ON_THE_WAY = 900
"""Seconds of metrics that say how long objects are on their way now."""
ALLOWANCE = 120.0
"""Seconds that an announcement of S3 and a metric of CloudWatch may be late."""
_STOPPED = ("Disabling", "Disabled")
"""States of a mapping that lets nothing through."""
_SILENT = 7200.0
"""Seconds after which an alarm without data counts as on. A new one has none for minutes; of all alarms, only one to
which missing data matters stays without."""
_ALARMS_AT_ONCE = 100
"""Names that CloudWatch takes in a call. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


def lanes(stack: DeployedStack) -> dict[Lane, LaneStatus]:
    """Return lag and arrivals of each lane in the last minutes. CloudWatch does not know how many events wait."""
    now = stack.clock()
    with calls(f"stack '{stack.name}'"):
        answer = stack.clients.cloudwatch.get_metric_data(
            MetricDataQueries=_of_lanes(stack),
            StartTime=format_time(now - RECENT),
            EndTime=format_time(now),
            ScanBy="TimestampDescending",
        )
    values = {each["Id"]: each["Values"] for each in answer["MetricDataResults"]}
    return {
        lane: LaneStatus(
            waiting=None,
            oldest_seconds=values[f"{lane}_age"][0] / 1000 if values.get(f"{lane}_age") else None,
            arrived=int(sum(values.get(f"{lane}_new", ()))),
        )
        for lane in LANES
    }


def lags(stack: DeployedStack) -> dict[Lane, float]:
    """Return for each lane how old, in seconds, an object may be that no run has claimed yet; 0 for an idle lane.

    An event waits on its lane, which Kinesis does not list, then in Lambda's queue of MainFunc. A lane whose mapping is
    disabled may have all that has arrived since.
    """
    now, main = stack.clock(), stack.function("MainFunc")
    queries: list[Any] = [
        _metric("queued", "AWS/Lambda", "AsyncEventAge", "Maximum", FunctionName=main),
        *_of_lanes(stack),
    ]
    with calls(f"stack '{stack.name}'"):
        answer = stack.clients.cloudwatch.get_metric_data(
            MetricDataQueries=queries,
            StartTime=format_time(now - ON_THE_WAY),
            EndTime=format_time(now),
        )
    highest = {each["Id"]: max(each["Values"], default=0.0) for each in answer["MetricDataResults"]}
    found: dict[Lane, float] = {}
    for lane in LANES:
        waited = (highest.get(f"{lane}_age", 0.0) + highest.get("queued", 0.0)) / 1000
        mapping = stack.mapping(lane)
        if mapping["State"] in _STOPPED:
            waited += max(0.0, now - mapping["LastModified"].timestamp())
        found[lane] = waited + ALLOWANCE if waited or highest.get(f"{lane}_new") else 0.0
    return found


def _of_lanes(stack: DeployedStack) -> list[Any]:
    """Return the queries for the lag and the arrivals of each lane, as `fast_age` and `fast_new`."""
    queries: list[Any] = []
    for lane in LANES:
        function = stack.function(DISPATCHERS[lane])
        queries += [
            _metric(f"{lane}_age", "AWS/Lambda", "IteratorAge", "Maximum", FunctionName=function),
            _metric(f"{lane}_new", "AWS/Kinesis", "IncomingRecords", "Sum", StreamName=stack.streams[lane]),
        ]
    return queries


def alarms_on(stack: DeployedStack) -> list[Alarm] | None:
    """Return the alarms of the stack that are on, or lack their data, the longest first.

    None if AWS denies to list them.
    """
    alarms: list[Alarm] = []
    for at in range(0, len(stack.alarms), _ALARMS_AT_ONCE):
        with calls(f"stack '{stack.name}'", passing=DENIED):
            try:
                pages = stack.clients.cloudwatch.get_paginator("describe_alarms")
                for page in pages.paginate(AlarmNames=stack.alarms[at : at + _ALARMS_AT_ONCE]):
                    alarms += [_alarm(each) for each in page["MetricAlarms"] if _is_on(each, stack.clock())]
            except ClientError as error:
                if code(error) not in DENIED:
                    raise
                return None
    return sorted(alarms, key=lambda alarm: alarm.since)


def _metric(name: str, namespace: str, metric: str, statistic: str, **dimensions: str) -> dict[str, Any]:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    about = {"Namespace": namespace, "MetricName": metric, "Dimensions": listed}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": 60, "Stat": statistic}}


def _is_on(described: Any, now: float) -> bool:
    if described["StateValue"] == "INSUFFICIENT_DATA":
        return bool(now - described["StateUpdatedTimestamp"].timestamp() >= _SILENT)
    return bool(described["StateValue"] == "ALARM")


def _alarm(described: Any) -> Alarm:
    since = format_time(described["StateUpdatedTimestamp"].timestamp())
    return Alarm(described["AlarmName"], since, described.get("AlarmDescription", ""))
