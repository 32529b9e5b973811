"""Logs and slow logs of Logstash, as texts and as JSON."""

from __future__ import annotations

from slips.parsing import Json, Patterns, all_of, iso, moment, one_of

_REFERENCE = "https://www.elastic.co/docs/reference/logstash/logging"
_HEAD = r"\[(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d,\d+)\]\[(?P<level>[A-Z]+) *\]\[(?P<logger>[^\] ]+) *\]"

LOGSTASH = one_of(
    "logstash",
    "Logstash logs and slow logs, as texts or as JSON",
    _REFERENCE,
    Json(
        "logstash-json",
        "Logstash logs as JSON",
        _REFERENCE,
        require=all_of("level", "loggerName", "timeMillis"),
        tag="logstash.{level}",
        time=moment("timeMillis"),
        message="{level} {logEvent.message|loggerName}",
    ),
    Patterns(
        "logstash-text",
        "Logstash logs as texts",
        _REFERENCE,
        tag="logstash.{level}",
        time=iso("time"),
        message="{level} {message}",
        patterns=(rf"{_HEAD}(?:\[(?P<pipeline>[^\]]*)\])?(?:\[(?P<plugin>[^\]]*)\])? ?(?P<message>.*)",),
    ),
    chain=({"multiline": {"start": r"\[\d{4}-\d\d-\d\d[T ]|\{"}}, "logstash"),
    tag="logstash.{level}",
)
