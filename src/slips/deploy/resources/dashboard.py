"""The dashboard: one page of graphs for the stack, with the states of its alarms. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from slips.backends.aws import FUNCTIONS
from slips.deploy.resources.forms import Resources, resource, sub


def build(alarms: Iterable[str]) -> Resources:
    """Build the dashboard. Its name contains the region, since names of dashboards are unique in an account."""
    stack = ["Stack", "${AWS::StackName}"]
    lanes = [("fast", "Fast"), ("slow", "Slow")]
    graphs: list[tuple[str, list[list[Any]], dict[str, Any]]] = [
        ("Objects", [["slips", name, *stack] for name in ("Objects", "Duplicates", "Failed")], {"stat": "Sum"}),
        (
            "Records by what became of them",
            [["slips", name, *stack] for name in ("Delivered", "Filtered", "Quarantined")],
            {"stat": "Sum", "stacked": True},
        ),
        (
            "Failed: error items, undelivered",
            [
                ["slips", "ErrorItems", *stack, {"stat": "Sum"}],
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${Undelivered.QueueName}"],
            ],
            {"stat": "Maximum"},
        ),
        (
            "Lag from event to handler (s)",
            [["slips", "Lag", *stack, "Lane", lane] for lane, _ in lanes],
            {"stat": "Maximum"},
        ),
        (
            "Waiting on the lanes (ms)",
            [["AWS/Lambda", "IteratorAge", "FunctionName", f"${{{name}Dispatcher}}"] for _, name in lanes]
            + [["AWS/Lambda", "AsyncEventAge", "FunctionName", "${MainFunc}"]],
            {"stat": "Maximum"},
        ),
        (
            "Duration of runs (ms)",
            [["slips", "Duration", *stack, {"stat": stat}] for stat in ("p50", "p99", "Maximum")],
            {},
        ),
        ("Invocations", _of_functions("Invocations"), {"stat": "Sum"}),
        ("Errors", _of_functions("Errors"), {"stat": "Sum"}),
        ("Throttles", _of_functions("Throttles"), {"stat": "Sum"}),
    ]
    states = {
        "title": "Alarms",
        "alarms": [
            f"arn:${{AWS::Partition}}:cloudwatch:${{AWS::Region}}:${{AWS::AccountId}}:alarm:${{{alarm}}}"
            for alarm in alarms
        ],
    }
    widgets = [{"type": "alarm", "x": 0, "y": 0, "width": 24, "height": 3, "properties": states}] + [
        {
            "type": "metric",
            "x": place % 3 * 8,
            "y": 3 + place // 3 * 6,
            "width": 8,
            "height": 6,
            "properties": {"title": title, "region": "${AWS::Region}", "period": 300, "metrics": metrics, **more},
        }
        for place, (title, metrics, more) in enumerate(graphs)
    ]
    return {
        "SlipsDashboard": resource(
            "AWS::CloudWatch::Dashboard",
            DashboardName=sub("${AWS::StackName}-${AWS::Region}"),
            DashboardBody=sub(json.dumps({"widgets": widgets}, separators=(",", ":"))),
        )
    }


def _of_functions(metric: str) -> list[list[Any]]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}", {"label": name}] for name in FUNCTIONS]
