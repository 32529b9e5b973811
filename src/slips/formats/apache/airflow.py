"""Logs of Apache Airflow, of tasks as it writes them to S3, and of its own services."""

from __future__ import annotations

from slips.parsing import Json, Patterns, all_of, any_of, iso, one_of

_REFERENCE = (
    "https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/"
    "logging-monitoring/logging-tasks.html"
)
_START = r'\[\d{4}-\d\d-\d\d[T ]|\{"'

# What a task prints on further lines belongs to the line above.
AIRFLOW = one_of(
    "airflow",
    "Apache Airflow: logs of tasks as it writes them to S3, of scheduler and workers, as text and as JSON",
    _REFERENCE,
    Patterns(
        "airflow.text",
        "lines of text",
        _REFERENCE,
        time=iso("timestamp"),
        tag="apache.airflow",
        message="{level} {message}",
        patterns=(
            r"\[(?P<timestamp>\d{4}-\d\d-\d\d[^\]]+)\] \{(?P<file>[^:}]+):(?P<line>\d+)\} (?P<level>[A-Z]+) - "
            r"(?P<message>.*)",
        ),
        integers="line",
    ),
    Json(
        "airflow.json",
        "lines of JSON",
        _REFERENCE,
        require=all_of("timestamp", "event", any_of("level", "logger")),
        time=iso("timestamp"),
        tag="apache.airflow",
        message="{level|'-'} {event}",
    ),
    tag="apache.airflow",
    chain=({"multiline": {"start": _START}}, "airflow"),
)
