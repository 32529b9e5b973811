"""What CloudWatch demands of metrics in log lines."""

from __future__ import annotations

from typing import Any

CLOUDWATCH_UNITS = {"Count", "Seconds", "Milliseconds"}


def check_metrics(line: dict[str, Any]) -> None:
    """What CloudWatch demands of a line in the embedded metric format, else it ignores it without a word."""
    about = line["_aws"]
    assert isinstance(about["Timestamp"], int)
    assert about["Timestamp"] > 10**12
    for dimension in ("Stack", "Lane"):
        assert isinstance(line[dimension], str)
        assert line[dimension]
    metrics: list[dict[str, Any]] = []
    for directive in about["CloudWatchMetrics"]:
        assert directive["Namespace"] == "slips"
        of_lane = directive["Dimensions"] == [["Stack", "Lane"]]
        assert of_lane or directive["Dimensions"] == [["Stack"]]
        # Each of them costs by the month: what only the stack's graphs and alarms show is not counted by lane, too.
        assert of_lane == ([metric["Name"] for metric in directive["Metrics"]] == ["Lag"])
        metrics += directive["Metrics"]
    names = [metric["Name"] for metric in metrics]
    assert 0 < len(names) == len(set(names)) <= 100
    assert set(names) == {key for key in line if key[0].isupper()} - {"Stack", "Lane"}
    for metric in metrics:
        assert metric["Unit"] in CLOUDWATCH_UNITS
        values = line[metric["Name"]]
        values = values if isinstance(values, list) else [values]
        assert 0 < len(values) <= 100
        assert all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
