"""Logs of Check Point, as its Log Exporter writes them for syslog."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, KeyValue, all_of, any_of, moment
from slips.parsing.conversions import convert_fields

_NUMBERS = "s_port service proto bytes client_inbound_bytes server_inbound_bytes sequencenum"
_COUNTS = frozenset(
    """time packets segment_time start_time lastupdatetime elapsed duration icmp_type icmp_code received_bytes
    sent_bytes packet_amount suppressed_logs xlatesport xlatedport server_outbound_bytes client_outbound_bytes
    client_inbound_packets client_outbound_packets server_inbound_packets server_outbound_packets""".split()
)
"""Fields whose values are numbers, of which some exporters or versions write a few in another way."""


def _read_numbers(_meta: MetaData, event: Event) -> None:
    """Convert numbers; the time of some exporters is ISO 8601, and `packets` a number or a list of packets."""
    convert_fields(event, _COUNTS)


CHECKPOINT = KeyValue(
    "checkpoint",
    "Check Point Log Exporter in its syslog format, with or without a header; others are checkpoint-json, cef, leef",
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
        "addresses": "src dst origin xlatesrc xlatedst client_ip",
        "users": "user src_user_name administrator",
        "hosts": "src_machine_name machine",
        "domains": "resource",
    },
)

CHECKPOINT_JSON = Json(
    "checkpoint-json",
    "Check Point Log Exporter in its JSON format",
    CHECKPOINT.reference,
    require=all_of("product", "origin", any_of("loguid", "time", "action")),
    time=moment("time"),
    tag="checkpoint.{product}",
    message=(
        "{action|product|'log'}{' ' src|client_ip}{' => ' dst}{' port ' service}"
        "{' ' rule_name|operation|sys_message|description}"
    ),
    integers=f"{_NUMBERS} {' '.join(sorted(_COUNTS))}",
    entities=CHECKPOINT.entities,
)
