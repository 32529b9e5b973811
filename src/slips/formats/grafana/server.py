"""The log of the Grafana server, in the notation of pairs and as JSON."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, KeyValue, all_of, any_of, moment, one_of
from slips.parsing.conversions import convert_fields

_TIME = moment("t", "time")
_REQUIRED = all_of("logger", "msg", any_of("t", "time"), any_of("level", "lvl"))
_MESSAGE = "{level|lvl} {logger}: {msg}{': ' error|err}{' ' method}{' ' path}{' ' status}{' from ' remote_addr}"
_NUMBERS = frozenset(("status", "statusCode", "userId", "orgId", "size", "time_ms", "attempt"))
"""Fields whose values are numbers; words in lines of some loggers, as `status=ok`."""


def _read_numbers(_meta: MetaData, event: Event) -> None:
    convert_fields(event, _NUMBERS)


GRAFANA = one_of(
    "grafana",
    "logs of the Grafana server as text or JSON: requests, alerting, data sources, logins",
    "https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/#log",
    Json(
        "grafana.json",
        "the format json",
        tag="grafana.{logger}",
        time=_TIME,
        message=_MESSAGE,
        require=_REQUIRED,
    ),
    KeyValue(
        "grafana.text",
        "the formats console and text",
        tag="grafana.{logger}",
        time=_TIME,
        message=_MESSAGE,
        require=_REQUIRED,
        absent="",
        refine=_read_numbers,
    ),
    tag="grafana.{logger}",
    entities={"addresses": "remote_addr", "users": "uname User"},
)
