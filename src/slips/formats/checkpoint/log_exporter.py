"""Logs of Check Point, as its Log Exporter writes them for syslog."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, moment

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
    message="{action|'-'} {src|'-'} => {dst|'-'}:{service|'-'} {rule_name|'-'}",
    integers="s_port service proto time bytes client_inbound_bytes server_inbound_bytes packets sequencenum",
    entities={"addresses": "src dst origin xlatesrc xlatedst", "users": "user src_user_name", "domains": "resource"},
)

CHECKPOINT_JSON = Json(
    "checkpoint-json",
    "Check Point Log Exporter in its JSON format",
    CHECKPOINT.reference,
    require=all_of("product", "origin", any_of("loguid", "time", "action")),
    time=moment("time"),
    tag="checkpoint.{product}",
    message="{action|'-'} {src|'-'} => {dst|'-'}:{service|'-'} {rule_name|'-'}",
    integers="s_port service proto time bytes client_inbound_bytes server_inbound_bytes packets sequencenum",
    entities=CHECKPOINT.entities,
)
