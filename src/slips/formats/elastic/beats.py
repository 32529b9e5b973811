"""Events of Elastic Packetbeat and Auditbeat, 5.x to 8.x, with nested fields or dots in keys."""

from __future__ import annotations

from typing import Any

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, any_of, iso
from slips.parsing.meaning import value_at

_TYPES = any_of("type", "event.dataset", "network.protocol")
_MODULES = any_of("event.module", "auditd", "audit")


def _describe_traffic(meta: MetaData, event: Event) -> None:
    """Add `message`: "<query> from <client>" for DNS, "<type> <source> => <destination> <status>" for other types.

    Raises RecordError for an event whose type is no text.
    """
    type_ = event.get("type")
    if type_.__class__ is not str or not type_:
        type_ = type_ or value_at(event, "event.dataset") or value_at(event, "network.protocol")
        if type_.__class__ is not str:
            raise _TYPES.error(event)
        meta.tag = f"packetbeat.{type_}"
    if type_ == "dns":
        client, query, question = event.get("client_ip"), event.get("query"), value_at(event, "dns.question.name")
        if client is not None:
            message = f"{query or question} from {client}"
        else:  # 7.0 renamed the client, and its `query` holds more than the name
            message = f"{question or query} from {_ip(event, 'client')}"
    else:
        source = _ip(event, "source") or event.get("client_ip") or _ip(event, "client")
        destination = _ip(event, "destination") or _ip(event, "dest") or event.get("ip") or _ip(event, "server")
        message = f"{type_} {source} => {destination}"
        if status := event.get("status"):
            message += f" {status}"
    meta.message = event["message"] = message


def _ip(event: Event, side: str) -> Any:
    host = event.get(side)
    address = host.get("ip") if host.__class__ is dict else None
    return event.get(f"{side}.ip") if address is None else address


PACKETBEAT = Json(
    "packetbeat",
    "Packetbeat transactions and flows",
    "https://www.elastic.co/docs/reference/beats/packetbeat/exported-fields",
    require=_TYPES,
    time=iso("@timestamp"),
    tag="packetbeat.{type}",  # or what `_describe_traffic` finds in its place
    refine=_describe_traffic,
    entities={
        "addresses": "client.ip server.ip source.ip destination.ip client_ip ip dest.ip",
        "users": "user.name",
        "hosts": "host.hostname host.name beat.hostname",
        "domains": "dns.question.name server.domain url.domain",
    },
)


def _describe_audit(meta: MetaData, event: Event) -> None:
    """Add `message`: "<actor> <action> <object> by <how>" for auditd, "<path> is <action> (<sha256>)" for files.

    An event of another module keeps its message; without one it gets "<module> <action>". Raises RecordError for an
    event without a module.
    """
    module, action = value_at(event, "event.module"), value_at(event, "event.action")
    if action.__class__ is list:
        action = ", ".join(map(str, action))
    message: Any
    if module == "auditd" or "auditd" in event:
        module = "auditd"
        message = _audit(
            event, "auditd.summary.actor.primary", action, "auditd.summary.object.primary", "auditd.summary.how"
        )
    elif module == "file_integrity":
        sha256 = value_at(event, "file.hash.sha256") or value_at(event, "hash.sha256")
        message = f"{value_at(event, 'file.path')} is {action} ({sha256})"
    elif value_at(event, "audit.kernel").__class__ is dict:  # 5.x and 6.0
        module, action = "auditd", value_at(event, "audit.kernel.action")
        message = _audit(event, "audit.kernel.actor.primary", action, "audit.kernel.thing.primary", "audit.kernel.how")
    elif value_at(event, "audit.file").__class__ is dict:
        module, action = "file_integrity", value_at(event, "audit.file.action")
        message = f"{value_at(event, 'audit.file.path')} is {action} ({value_at(event, 'audit.file.sha256')})"
    elif module.__class__ is str and module:
        message = event.get("message") or f"{module} {action}"
    else:
        raise _MODULES.error(event)
    meta.tag = f"auditbeat.{module}"
    meta.message = event["message"] = str(message)


def _audit(event: Event, actor: str, action: object, thing: str, how: str) -> str:
    return f"{value_at(event, actor)} {action} {value_at(event, thing)} by {value_at(event, how)}"


AUDITBEAT = Json(
    "auditbeat",
    "Auditbeat events: auditd, file integrity, system",
    "https://www.elastic.co/docs/reference/beats/auditbeat/exported-fields",
    require=_MODULES,
    time=iso("@timestamp"),
    tag="auditbeat.{event.module}",
    refine=_describe_audit,
    entities={
        "addresses": "source.ip destination.ip",
        "users": "user.name user.effective.name auditd.summary.actor.primary audit.kernel.actor.primary",
        "hosts": "host.hostname host.name beat.hostname",
        "hashes": "file.hash.sha256 file.hash.sha1 hash.sha256 hash.sha1 process.hash.sha1 audit.file.sha256",
    },
)
