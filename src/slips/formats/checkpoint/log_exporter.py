"""Logs of Check Point, as its Log Exporter writes them for syslog."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, Json, KeyValue, all_of, any_of, moment
from slips.parsing.conversions import convert_fields

_NUMBERS = "s_port service proto bytes client_inbound_bytes server_inbound_bytes sequencenum"
_COUNTS = frozenset(
    """time packets segment_time start_time lastupdatetime elapsed duration icmp_type icmp_code received_bytes
    sent_bytes packet_amount suppressed_logs xlatesport xlatedport server_outbound_bytes client_outbound_bytes
    client_inbound_packets client_outbound_packets server_inbound_packets server_outbound_packets""".split()
)
"""Fields whose values are numbers, of which some exporters or versions write a few in another way."""


_GATEWAY_PORTS = frozenset("svc sport_svc xlatedport_svc xlatesport_svc".split())


def _read_numbers(_meta: MetaData, event: Event) -> None:
    """Convert numbers; the time of some exporters is ISO 8601, and `packets` a number or a list of packets."""
    convert_fields(event, _COUNTS)


CHECKPOINT = KeyValue(
    "checkpoint",
    "Check Point Log Exporter in its syslog format; others are checkpoint-json, -splunk, -cef",
    "https://support.checkpoint.com/results/sk/sk122323",
    chain=("s3-lines", "syslog-any", "checkpoint"),
    head=r"\[?",
    tail="]",
    separator=";",
    assign=":",
    require=any_of("action", "product", "loguid", "origin"),
    time=moment("time"),
    tag="checkpoint.{product|'log'}",
    message=(
        "{action|product|'log'}{' ' src|client_ip}{' => ' dst}{' port ' service}"
        "{' ' rule_name|operation|sys_message|description}"
    ),
    integers=_NUMBERS,
    refine=_read_numbers,
    entities={
        "addresses": "src dst origin orig xlatesrc xlatedst client_ip",
        "users": "user src_user_name administrator",
        "hosts": "src_machine_name machine",
        "domains": "resource",
    },
)

CHECKPOINT_JSON = Json(
    "checkpoint-json",
    "Check Point Log Exporter in its JSON format, and logs of Harmony Endpoint and other services of Infinity",
    CHECKPOINT.reference,
    require=all_of("product", any_of("origin", "orig"), any_of("loguid", "time", "action")),
    time=moment("time"),
    tag="checkpoint.{product}",
    message=(
        "{action|product|'log'}{' ' src|client_ip}{' => ' dst}{' port ' service}"
        "{' ' rule_name|operation|sys_message|description}"
    ),
    integers=f"{_NUMBERS} {' '.join(sorted(_COUNTS))}",
    entities={
        "addresses": "src dst origin orig xlatesrc xlatedst client_ip",
        "users": "user src_user_name administrator",
        "hosts": "src_machine_name machine",
        "domains": "resource",
        "hashes": "file_md5 file_sha1 file_sha256",
    },
)


def _join_values(meta: MetaData, event: Event) -> None:
    """Add values without a name to the list of those of the name before them: a value may have bars, too."""
    name = ""
    for each, value in list(event.items()):
        if value is not True:
            name = each
        elif name:
            values = event[name]
            event[name] = [*values, each] if isinstance(values, list) else [values, each]
            del event[each]
    for each, value in event.items():
        if value.__class__ is str and "\\=" in value:
            event[each] = value.replace("\\=", "=")
    _read_numbers(meta, event)


# The time stands at the beginning and among the pairs, or nothing in front of a bar. Of `origin=192.0.2.1|192.0.2.2`
# both are addresses.
CHECKPOINT_SPLUNK = KeyValue(
    "checkpoint-splunk",
    "Check Point Log Exporter in its format for Splunk: pairs with bars between, with or without a syslog header",
    CHECKPOINT.reference,
    chain=("s3-lines", "syslog-any", "checkpoint-splunk"),
    head=r"(?:time=(?P<logged>\d{9,13})(?=\|))?\|?",
    separator="|",
    quotes="",
    escapes="none",
    require=all_of("product", any_of("origin", "loguid", "action")),
    time=moment("time", "logged"),
    tag=CHECKPOINT.tag,
    message=CHECKPOINT.message,
    integers=f"{_NUMBERS} logged",
    refine=_join_values,
    entities=CHECKPOINT.entities,
)


def _read_gateway(meta: MetaData, event: Event) -> None:
    """Read the time of a gateway, whose zone has two signs and no leading zero. Raises RecordError."""
    if "logged" in event:
        meta.timestamp = times.iso(re.sub(r"--(?=\d:)", "-0", event["logged"]).replace("--", "-"), "logged")
    convert_fields(event, _GATEWAY_PORTS)
    _read_numbers(meta, event)


# A header of RFC 5424 has the pairs in its structured data, in which names come again. Gateways that send their logs
# themselves name other fields than the exporter, and write zones such as "--5:00".
CHECKPOINT_5424 = KeyValue(
    "checkpoint-5424",
    "Check Point Log Exporter whose pairs are structured data of RFC 5424, as collectors of Splunk ask for",
    CHECKPOINT.reference,
    head=r"(?:<(?P<priority>\d{1,3})>)?1 (?:(?P<logged>[0-9T:-]{19}--\d{1,2}:\d\d)|(?P<datetime>[^ ]+)) "
    r"(?P<hostname>[^ ]+) (?P<program>CheckPoint|CP-GW) "
    r"(?P<pid>[^ ]+) (?P<msg_id>[^ ]+) \[(?P<element>[^ \]=]+@[0-9.]+) ",
    tail="]",
    require=any_of("action", "product", "loguid", "origin", "ProductName"),
    time=moment("time", "datetime"),
    tag="checkpoint.{product|ProductName|'log'}",
    message=(
        "{action|product|ProductName|'log'}{' ' src|client_ip}{' => ' dst}{' port ' service|svc}"
        "{' ' rule_name|operation|sys_message|description}"
    ),
    integers=f"{_NUMBERS} priority",
    absent="-",
    refine=_read_gateway,
    entities=CHECKPOINT.entities,
)


_CEF_COUNTS = frozenset(
    """spt dpt proto in out cnt sourceTranslatedPort destinationTranslatedPort deviceDirection match_id parent_rule
    logid sequencenum nat_rulenum nat_addtnl_rulenum packets""".split()
)


def _read_cef_numbers(_meta: MetaData, event: Event) -> None:
    convert_fields(event, _CEF_COUNTS)


# What CEF has no key for stands under the exporter's own names. A rule has its name in a string with a label.
CHECKPOINT_CEF = Cef(
    "checkpoint-cef",
    "Check Point Log Exporter in its format CEF, with or without a syslog header",
    CHECKPOINT.reference,
    vendors=("Check Point",),
    require=any_of("act", "product", "loguid", "origin"),
    tag="checkpoint.{product|deviceProduct|'log'}",
    message="{act|operation|name}{' ' src|suser}{' => ' dst}{' port ' dpt}{' ' rule_name|cs2|msg}",
    refine=_read_cef_numbers,
    entities={
        "addresses": "src dst origin sourceTranslatedAddress destinationTranslatedAddress",
        "users": "suser duser",
        "hosts": "shost dvchost",
        "domains": "dhost",
        "hashes": "fileHash file_md5 file_sha1 file_sha256",
    },
)
