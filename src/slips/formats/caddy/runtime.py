"""The log of the web server Caddy: what it does itself, beside its access logs, as JSON or of its console encoder."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.formats.caddy.access import CADDY
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, moment, one_of, stamp
from slips.parsing.conversions import integer_or_text
from slips.parsing.json_text import load_json

_COLOUR = re.compile(r"\x1b\[[\d;]{0,10}m")
_REFERENCE = "https://caddyserver.com/docs/caddyfile/directives/log"


def _name_access(meta: MetaData, event: Event) -> None:
    """Give a request that was served the tag of access logs."""
    if str(event.get("logger", "")).startswith("http.log.access"):
        meta.tag = "caddy.access"
        request = event.get("request")
        get = request.get if isinstance(request, dict) else {}.get
        meta.message = (
            f"{event.get('status', '-')} {get('method', '-')} {get('host', '-')}{get('uri', '')} from "
            f"{get('client_ip') or get('remote_ip') or '-'}"
        )


def _take_apart(meta: MetaData, event: Event) -> None:
    """Part logger, message and fields, between which tabs stand: a line may lack the first and the last."""
    event["level"] = _COLOUR.sub("", event["level"]).lower()
    *parts, last = event.pop("rest").split("\t")
    if parts and last.startswith("{"):
        try:
            fields = load_json(last.encode("utf-8", "surrogateescape"))
        except RecordError:
            parts.append(last)  # a message that begins so
        else:
            event |= {name: value for name, value in fields.items() if name not in ("ts", "level")}
            request = event.get("request")
            if isinstance(request, dict) and isinstance(port := request.get("remote_port"), str):
                request["remote_port"] = integer_or_text(port)
    else:
        parts.append(last)
    if len(parts) > 1:
        event["logger"], *parts = parts
    event["msg"] = "\t".join(parts)
    meta.message = f"{event['level']} {event.get('logger', '-')} {event['msg']}"
    _name_access(meta, event)


# The console encoder writes times in UTC, unless `time_local` is set: `timezone:` of the mapping says where it is then.
CADDY_LOG = one_of(
    "caddy-log",
    "Caddy's log of what it does itself (runtime log) as JSON or of the console encoder, also with requests among it",
    _REFERENCE,
    Json(
        "caddy-log.json",
        "lines as JSON",
        require=all_of("level", "ts", "msg"),
        time=moment("ts"),
        tag="caddy.log",
        message="{level} {logger|'-'} {msg}",
        integers="request.remote_port",
        refine=_name_access,
    ),
    Patterns(
        "caddy-log.console",
        "lines of the console encoder",
        time=stamp("ts"),
        tag="caddy.log",
        patterns=(
            r"(?P<ts>\d{4}[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d(?:\.\d++)?(?:Z|[+-]\d\d:?\d\d)?)\t"
            r"(?P<level>(?:\x1b\[[\d;]*+m)?(?:DEBUG|INFO|WARN|ERROR|PANIC|FATAL)(?:\x1b\[[\d;]*+m)?)\t(?P<rest>.*)",
        ),
        refine=_take_apart,
    ),
    tag="caddy.{kind}",
    entities={each: CADDY.entities[each] for each in ("addresses", "users", "domains")},
)
