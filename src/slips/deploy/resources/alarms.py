"""The alarms of the stack, each for a state that needs a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slips.backends.aws import AUDIT, DISPATCHERS, FUNCTIONS
from slips.config import Config
from slips.deploy import age
from slips.deploy.resources.forms import Resources, get_att, ref, resource, sub
from slips.deploy.resources.functions import MOST_AGE, SPECS
from slips.deploy.resources.places import stream_name
from slips.model import Lane

_STOPPED = 3600
"""Seconds of a period. Two periods with arrivals and without a dispatch cause an alarm. A period is longer than the
longest delay and batching window, so that a healthy lane dispatches arrivals in the next period at the latest."""
_DAY = 86_400
"""Seconds between two audits, and the longest period of an alarm."""
_DRAIN_FAILS = 2 * SPECS["Drain"].timeout
"""Seconds of a period without a run of Drain that succeeds. Lambda counts a run that hangs when it ends it, but at the
time of its beginning: in a period as long as the time limit alone, such runs would not be seen.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html"""
_QUEUE_WAITS = 3600
"""Seconds of waiting in a queue of the user's that cause an alarm: by default queues keep messages for 4 days."""


def build(config: Config, retention: Mapping[Lane, int]) -> Resources:
    """Build the alarms, which notify `backend.alarm_sns_arn`. Missing data causes no alarm, but for DrainAlarm."""
    late = {lane: age.late(lane, retention[lane]) for lane in DISPATCHERS}
    limited = config.handler.concurrency is not None
    alarms = {
        "ErrorsAlarm": _alarm(
            "Objects or records failed; 'slips errors -s ${AWS::StackName}' lists them.",
            _metric("slips", "ErrorItems", "Sum"),
        ),
        "QuarantineAlarm": _alarm(
            "More than 1 % of the records of an hour could not be parsed; 'slips errors --group' says why.",
            _metric("slips", "Quarantined", "Sum", period=3600),
            _metric("slips", "Records", "Sum", period=3600),
            expression="100 * m1 / m2",
            over=1,
        ),
        **{
            f"{dispatcher}LateAlarm": _alarm(
                f"Objects have waited on the {lane} lane for over {late[lane] // 3600} h; 'slips status' shows it.",
                _metric("AWS/Lambda", "IteratorAge", "Maximum", FunctionName=ref(dispatcher)),
                over=late[lane] * 1000,
            )
            for lane, dispatcher in DISPATCHERS.items()
        },
        **{
            f"{dispatcher}StoppedAlarm": _alarm(
                f"Objects arrive on the {lane} lane, but {dispatcher} has not been invoked for 2 h: look whether its "
                "event source mapping is enabled, and its role may read the stream.",
                _metric("AWS/Kinesis", "IncomingRecords", "Sum", _STOPPED, StreamName=stream_name(config, lane)),
                _metric("AWS/Lambda", "Invocations", "Sum", _STOPPED, FunctionName=ref(dispatcher)),
                # Neither metric has data in a period without arrivals or invocations.
                expression="IF(FILL(m1, 0) > 0 AND FILL(m2, 0) == 0, 1, 0)",
                periods=2,
            )
            for lane, dispatcher in DISPATCHERS.items()
        },
        **{
            f"Queue{queue.name}WaitsAlarm": _alarm(
                f"Messages have waited in queue {queue.name} for over 1 h: look whether its event source mapping is "
                "enabled, and EventPusher's role may read it.",
                _metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=queue.arn.rpartition(":")[2]),
                over=_QUEUE_WAITS,
            )
            for queue in config.backend.sqs_queues
        },
        **{
            f"{name}ThrottledAlarm": _alarm(
                f"{name} was throttled for 15 minutes; see the account's limit of concurrent executions.",
                _metric("AWS/Lambda", "Throttles", "Sum", FunctionName=ref(name)),
                periods=3,
            )
            for name in FUNCTIONS  # an audit that is throttled begins a little later
            # With `handler.concurrency` the user asked for throttling; MainFuncWaitsAlarm covers its effect.
            if name != "MainFunc" or not limited
        },
        "MainFuncWaitsAlarm": _alarm(
            "Objects have waited for MainFunc for over 3 h; after 6 h they become error items. Raise its concurrency.",
            _metric("AWS/Lambda", "AsyncEventAge", "Maximum", FunctionName=ref("MainFunc")),
            over=MOST_AGE * 1000 // 2,
        ),
        **(_of_audits() if config.backend.audit else {}),
        "PausedAlarm": _alarm(
            "Objects wait: a handler fails on most of them, the budget of the day is spent, or an operator paused "
            "their lane; 'slips status -s ${AWS::StackName}' says why, 'slips limit LANE --resume' lets them start.",
            # Twice as long as between two looks of Drain, which counts the pauses that hold.
            _metric("slips", "Pauses", "Maximum", period=600),
        ),
        # A single failure needs nobody: Lambda repeats it, and Drain's schedule runs it again after 5 minutes.
        "DrainAlarm": _alarm(
            f"Every run of Drain failed for {_DRAIN_FAILS // 60} minutes: objects that wait for the end of a pause, or "
            "for the next day, stay in the error table; 'slips logs Drain -s ${AWS::StackName}' says why. Without "
            "data, nothing runs Drain: look whether its rule is enabled.",
            *(
                _metric("AWS/Lambda", name, "Sum", _DRAIN_FAILS, FunctionName=ref("Drain"))
                for name in ("Errors", "Invocations")
            ),
            # Without invocations neither metric has data. A new stack has none yet, which changes no state of an alarm.
            expression="IF(m1 >= m2, 1, 0)",
            missing="missing",
        ),
        "UndeliveredAlarm": _alarm(
            "Failures could not be reported, or messages of a queue not be read; 'slips drain -s ${AWS::StackName}' "
            "takes up what can be, and says why the rest stays.",
            _metric(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                "Maximum",
                QueueName=get_att("Undelivered", "QueueName"),
            ),
        ),
        "LostAlarm": _alarm(
            "Lambda could not send a failure on; the functions' roles must let it publish to the error topic.",
            *(
                _metric("AWS/Lambda", "DestinationDeliveryFailures", "Sum", FunctionName=ref(name))
                for name in FUNCTIONS
                if name != "Drain"
            ),
            expression="SUM(METRICS())",
        ),
    }
    if (topic := config.backend.alarm_sns_arn) is not None:
        for alarm in alarms.values():
            alarm["Properties"]["AlarmActions"] = [topic]
            if alarm["Properties"]["TreatMissingData"] == "missing":
                alarm["Properties"]["InsufficientDataActions"] = [topic]
    return alarms


def _of_audits() -> Resources:
    """Build the alarms of the daily audit."""
    return {
        "MissingAlarm": _alarm(
            "Objects are missing: no lane, ledger or error table has them. 'slips audit --last -s ${AWS::StackName}' "
            "shows some, 'slips audit --repair' puts them on their lanes.",
            _metric("slips", "MissingObjects", "Maximum", _DAY),
        ),
        "AuditAlarm": _alarm(
            "The daily audit did not end, or a part of it failed; 'slips logs Audit -s ${AWS::StackName}' says why.",
            _metric("AWS/Lambda", "Errors", "Sum", _DAY, FunctionName=ref(AUDIT)),
        ),
    }


def _alarm(
    about: str,
    *metrics: dict[str, Any],
    expression: str | None = None,
    over: int = 0,
    periods: int = 1,
    missing: str = "notBreaching",
) -> dict[str, Any]:
    """Build an alarm on one metric, or on an `expression` of metrics `m1`, `m2` and so on.

    `missing`: how periods without data count; `missing`: if there are no others, the alarm has INSUFFICIENT_DATA.
    """
    if expression is None:
        (measured,) = metrics
    else:
        # `_metric` has the shape of a plain alarm; an expression needs the same parts one level deeper.
        inputs = [
            {
                "Id": f"m{number}",
                "ReturnData": False,
                "MetricStat": {
                    "Metric": {key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")},
                    "Stat": metric["Statistic"],
                    "Period": metric["Period"],
                },
            }
            for number, metric in enumerate(metrics, 1)
        ]
        measured = {"Metrics": [{"Id": "result", "Expression": expression, "ReturnData": True}, *inputs]}
    return resource(
        "AWS::CloudWatch::Alarm",
        AlarmDescription=sub(about) if "${" in about else about,
        **measured,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=over,
        EvaluationPeriods=periods,
        TreatMissingData=missing,
    )


def _metric(namespace: str, name: str, statistic: str, period: int = 300, **dimensions: Any) -> dict[str, Any]:
    """Build a metric; without dimensions, one of slips for the whole stack. `period` is in seconds."""
    dimensions = dimensions or {"Stack": ref("AWS::StackName")}
    return {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": statistic,
        "Period": period,
    }
