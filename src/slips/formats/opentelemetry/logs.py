"""Logs of OpenTelemetry, as its Collector writes them to buckets and files. Each log record is an event."""

from __future__ import annotations

import copy
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, all_of
from slips.parsing.meaning import value_at
from slips.parsing.stages import Several

NO_LOGS = Rule("no-logs", "resources without a log record")

_DEEPEST = 8
"""Keys with as many dots are kept whole: names of the conventions have fewer."""


def _value(value: Any) -> Any:
    """Return what an `AnyValue` of OTLP holds: a text, number, boolean, list or object; None, if it is empty.

    One of a kind that OTLP does not have stays as it is.
    """
    if value is None:
        return None
    for kind, held in value.items():
        if kind == "intValue":  # a text, so that no digit is lost
            return int(held)
        if kind == "arrayValue":
            return [_value(element) for element in held.get("values", ())]
        if kind == "kvlistValue":
            return _attributes(held.get("values", ()))
        if kind in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
            return held
    return value or None


def _attributes(pairs: Any) -> Event:
    """Return pairs of keys and values as an object in which `client.address` is within `client`.

    A key keeps its dots where a value stands in the way, as `service` in that of `service.name`.
    """
    found: Event = {}
    for pair in pairs or ():
        whole, value = pair["key"], _value(pair.get("value"))
        *parents, key = whole.split(".") if whole.count(".") < _DEEPEST else [whole]
        place = found
        for parent in parents:
            inner = place.setdefault(parent, {})
            if inner.__class__ is not dict:
                break
            place = inner
        else:
            if key not in place:
                place[key] = value
                continue
        found[whole] = value
    return found


def _nanoseconds(value: Any) -> int:
    """Return nanoseconds, in JSON a text of digits; 0, if there are none. Raises RecordError."""
    text = str(value or 0)
    if not (text.isascii() and text.isdigit()):
        raise RecordError(f"time of a log is {value!r:.40}; expected nanoseconds")
    return int(text)


def _maker(group: Event, name: str, within: str) -> Event:
    """Return the resource or scope of a group of logs, with what else the group says, as `schemaUrl`."""
    maker = dict(group.get(name) or {})
    if "attributes" in maker:
        maker["attributes"] = _attributes(maker["attributes"])
    return {key: value for key, value in group.items() if key not in (name, within)} | maker


def _take_apart(meta: MetaData, record: Event) -> Any:
    made = Several()
    try:
        resource = _maker(record, "resource", "scopeLogs")
        service = value_at(resource, "attributes.service.name") or "-"
        for group in record["scopeLogs"]:
            scope = _maker(group, "scope", "logRecords")
            for log in group.get("logRecords") or ():
                event = log | {
                    "body": _value(log.get("body")),
                    "attributes": _attributes(log.get("attributes")),
                    "resource": resource,
                    "scope": scope,
                }
                each = copy.copy(meta)
                each.index = len(made)
                if time := _nanoseconds(log.get("timeUnixNano")) or _nanoseconds(log.get("observedTimeUnixNano")):
                    each.timestamp = times.number(time, 1_000_000_000, "timeUnixNano")
                body = event["body"] if event["body"].__class__ is str else log.get("eventName")
                each.message = f"{log.get('severityText') or 'log'} {service}: {body or 'record'}"
                made.append((each, event))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"the logs of the resource have another shape: {error!r:.80}") from None
    return made or NO_LOGS


OPENTELEMETRY = Json(
    "opentelemetry-logs",
    "OpenTelemetry logs as OTLP JSON, as the Collector exports them to S3 and files; each log record is an event",
    "https://opentelemetry.io/docs/specs/otlp/",
    elements="resourceLogs",
    require=all_of("scopeLogs"),
    tag="opentelemetry.log",
    rules=(NO_LOGS,),
    carries="body",
    refine=_take_apart,
    entities={
        "addresses": "attributes.client.address attributes.source.address attributes.destination.address",
        "users": "attributes.user.name attributes.enduser.id",
        "hosts": "resource.attributes.host.name resource.attributes.k8s.pod.name",
        "domains": "attributes.server.address attributes.url.domain",
    },
)
