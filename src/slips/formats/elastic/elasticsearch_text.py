"""Logs of Elasticsearch and OpenSearch nodes as texts: server, deprecation, slow and audit logs."""

from __future__ import annotations

import re

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_TIME = r"\[(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d,\d+)\]"
_LEVEL = r"\[(?P<level>[A-Z]+) *\]"
_LOGGER = r"\[(?P<logger>[^\] ]+) *\]"
_SLOW = re.compile(
    r"(took|took_millis|total_hits|types|stats|search_type|total_shards|type|id|routing)\[([^\]]*+)(\],? *)?"
)
"""A part in brackets. An open one is found, too, and ends the search: else it would try each further one."""
_SOURCE = "source["
_BETWEEN = re.compile(r"(?<=\]), (?=[a-z_]+=\[)")


def _add_parts(meta: MetaData, event: Event) -> None:
    """Add what a slow log writes as `took_millis[4]`, and an audit log as `principal=[ada]`; the tag tells the log."""
    message = event["message"]
    if event.get("logger", "").startswith(("logstash.", "org.logstash.")):
        raise foreign_record(f"logger is {event['logger']!r:.60}; expected one of Elasticsearch; use 'logstash'")
    if "layer" in event:
        meta.tag = "elasticsearch.audit"
        for part in _BETWEEN.split(message):
            name, _, value = part.rstrip().partition("=[")
            if value.endswith("]"):
                event[name] = value[:-1]
    elif message.startswith("took["):
        meta.tag = "elasticsearch.slowlog"
        for name, text, closed in _SLOW.findall(message):
            if not closed:
                break
            is_number = name in ("took_millis", "total_shards", "total_hits") and text.isascii() and text.isdecimal()
            event[name] = int(text) if is_number else text
        _, begun, source = message.partition(_SOURCE)
        source, closed, _ = source.rpartition("]")
        if begun and closed:
            event["source"] = source
    elif (
        "deprecat" in event["logger"]
        or event["logger"].startswith(("o.e.d.", "o.o.d."))
        or event["level"] == "DEPRECATION"
    ):
        meta.tag = "elasticsearch.deprecation"
    else:
        meta.tag = "elasticsearch.server"


ELASTICSEARCH_TEXT = Patterns(
    "elasticsearch-text",
    "Elasticsearch and OpenSearch server, deprecation, slow and audit logs as texts; 'elasticsearch' reads JSON",
    "https://www.elastic.co/guide/en/elasticsearch/reference/6.8/logging.html",
    chain=({"multiline": {"start": r"\[\d{4}-\d\d-\d\d[T ]"}}, "elasticsearch-text"),
    tag="elasticsearch.{logger|layer}",
    time=iso("time"),
    message="{message}",
    patterns=(
        rf"{_TIME}{_LEVEL}{_LOGGER} \[(?P<node>[^\]]*)\] \[(?P<index>[^\]]*)\](?:\[(?P<shard>\d+)\])? "
        r"(?P<message>took\[.*)",
        rf"{_TIME}{_LEVEL}{_LOGGER} \[(?P<node>[^\]]*)\] (?P<message>.*)",
        rf"{_TIME}{_LEVEL}{_LOGGER} (?P<message>.*)",
        rf"{_TIME} (?:\[(?P<node>[^\]]*)\] )?\[(?P<layer>[a-z_]+)\] \[(?P<event>[a-z_]+)\]\s+(?P<message>[a-z_]+=\[.*)",
    ),
    integers="shard",
    refine=_add_parts,
    entities={"addresses": "origin_address", "users": "principal", "hosts": "node"},
)
