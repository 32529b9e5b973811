"""Events of Elastic Packetbeat and Auditbeat, 5.x to 8.x, with nested fields or dots in keys."""

from __future__ import annotations

from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData


@parser(
    "packetbeat",
    summary="Packetbeat transactions and flows",
    reference="https://www.elastic.co/guide/en/beats/packetbeat/current/exported-fields.html",
    tag="packetbeat.{type}",
)
def packetbeat(meta: MetaData, event: Event) -> Event:
    """Add `message`: "<query> from <client>" for DNS, "<type> <source> => <destination> <status>" for other types.

    Raises RecordError for an event without a type, and for a malformed `@timestamp`.
    """
    type_ = event.get("type") or _get(event, "event.dataset") or _get(event, "network.protocol")
    if type_.__class__ is not str:
        raise RecordError(f"no 'type', 'event.dataset' or 'network.protocol' (keys: {', '.join(map(str, event))})")
    _set_time(meta, event)
    if type_ == "dns":
        client, query, question = event.get("client_ip"), event.get("query"), _get(event, "dns.question.name")
        if client is not None:
            message = f"{query or question} from {client}"
        else:  # 7.0 renamed the client, and its `query` holds more than the name
            message = f"{question or query} from {_get(event, 'client.ip')}"
    else:
        source = _get(event, "source.ip") or event.get("client_ip")
        destination = _get(event, "destination.ip") or _get(event, "dest.ip") or event.get("ip")
        message = f"{type_} {source} => {destination}"
        if status := event.get("status"):
            message += f" {status}"
    meta.tag = f"packetbeat.{type_}"
    meta.message = event["message"] = message
    return event


@parser(
    "auditbeat",
    summary="Auditbeat events: auditd, file integrity, system",
    reference="https://www.elastic.co/guide/en/beats/auditbeat/current/exported-fields.html",
    tag="auditbeat.{module}",
)
def auditbeat(meta: MetaData, event: Event) -> Event:
    """Add `message`: "<actor> <action> <object> by <how>" for auditd, "<path> is <action> (<sha256>)" for files.

    An event of another module keeps its message; without one it gets "<module> <action>". Raises RecordError for an
    event without a module, and for a malformed `@timestamp`.
    """
    module = _get(event, "event.module")
    action = _get(event, "event.action")
    if action.__class__ is list:
        action = ", ".join(map(str, action))
    if module == "auditd" or "auditd" in event:
        module = "auditd"
        message = (
            f"{_get(event, 'auditd.summary.actor.primary')} {action} {_get(event, 'auditd.summary.object.primary')}"
            f" by {_get(event, 'auditd.summary.how')}"
        )
    elif module == "file_integrity":
        sha256 = _get(event, "file.hash.sha256") or _get(event, "hash.sha256")
        message = f"{_get(event, 'file.path')} is {action} ({sha256})"
    elif _get(event, "audit.kernel").__class__ is dict:  # 5.x and 6.0
        module = "auditd"
        message = (
            f"{_get(event, 'audit.kernel.actor.primary')} {_get(event, 'audit.kernel.action')}"
            f" {_get(event, 'audit.kernel.thing.primary')} by {_get(event, 'audit.kernel.how')}"
        )
    elif _get(event, "audit.file").__class__ is dict:
        module = "file_integrity"
        message = (
            f"{_get(event, 'audit.file.path')} is {_get(event, 'audit.file.action')}"
            f" ({_get(event, 'audit.file.sha256')})"
        )
    elif module.__class__ is str and module:
        message = event.get("message") or f"{module} {action}"
    else:
        raise RecordError(f"no 'event.module', 'auditd' or 'audit' (keys: {', '.join(map(str, event))})")
    _set_time(meta, event)
    meta.tag = f"auditbeat.{module}"
    meta.message = event["message"] = str(message)
    return event


def _set_time(meta: MetaData, event: Event) -> None:
    time = event.get("@timestamp")
    if time is not None and time != "":
        meta.timestamp = times.iso(time, "@timestamp")


def _get(event: Event, path: str) -> Any:
    """Return the value at `path`, a key with dots or keys of nested objects; None if the event lacks it."""
    value = event.get(path)
    if value is not None:
        return value
    value = event
    for key in path.split("."):
        if value.__class__ is not dict:
            return None
        value = value.get(key)
    return value
