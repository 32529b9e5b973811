"""Access logs of nginx, and of its ingress controller for Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Self

from slips.format import Event, FormatOptions, MeaningOptions, a_key
from slips.formats.nginx.log_format import ADDRESSES, QUOTED, AccessLog, Value, pattern_of, shortened, split
from slips.model import MetaData
from slips.parsing import Patterns, Regex, clf, stamp

REFERENCE = "https://nginx.org/en/docs/http/ngx_http_log_module.html"
_REST = (
    r"- (?P<remote_user>[^ ]+) \[(?P<time_local>[^\]]+)\] "
    r'"(?P<request>.*?)" (?P<status>\d{3}|-) (?P<body_bytes_sent>\d{1,19}|-)(?: (?P<request_time>\d{1,9}\.\d{1,9}))?'
    rf'(?: "(?P<http_referer>{QUOTED})"(?: "(?P<http_user_agent>{QUOTED})"'
    rf'(?: "(?P<http_x_forwarded_for>{QUOTED})")?)?)?(?P<more>.+)?'
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_INTEGERS = frozenset(
    """status body_bytes_sent bytes_sent request_length connection connection_requests pid remote_port server_port
    bytes_received tcpinfo_rtt tcpinfo_rttvar proxy_port""".split()
)
_FLOATS = frozenset("request_time msec connection_time session_time gzip_ratio".split())
_NUMBERS = ("status", "response_length", "response_time", "connect_time", "header_time", "bytes_sent", "bytes_received")
_UPSTREAM = tuple(f"upstream_{name}" for name in _NUMBERS)


def upstreams(_meta: MetaData, event: Event) -> None:
    """Make numbers of the values of upstream servers; lists, if nginx has asked several."""
    for name in _UPSTREAM:
        text = event.get(name)
        if text is not None:
            values = [_number(each) for each in re.split(r", | : ", text)]
            event[name] = values[0] if len(values) == 1 else values
    addresses = event.get("upstream_addr")
    if addresses is not None and ", " in addresses:
        event["upstream_addr"] = addresses.split(", ")


def _number(text: str) -> int | float | str | None:
    if text == "-":
        return None
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


class NginxOptions(MeaningOptions, frozen=True):
    """The options of `nginx-access`."""

    log_format: Annotated[
        str,
        a_key(
            "The `log_format` of nginx, as its configuration has it; not set: the combined format, with what is often "
            "put before or behind it.",
            '$remote_addr [$time_iso8601] "$request" $status $upstream_response_time',
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class _NginxAccess(AccessLog):
    known_formats: ClassVar[tuple[str, ...]] = ("combined",)
    options: type[FormatOptions] | None = field(init=False, default=NginxOptions)

    def of(self, form: str) -> Self:
        if found := re.match(r"\s*log_format\s+\S+(?:\s+escape=\w+)?\s", form):
            form = "".join(re.findall(r"'([^']*)'", form[found.end() :]))
        parts = split(form, _VARIABLE, lambda found: found[1] or found[2])
        pattern = pattern_of(parts)
        names = [part.name for part in parts if isinstance(part, Value)]
        times = [name for name in ("time_iso8601", "msec", "time_local") if name in names]
        return replace(
            self,
            patterns=(pattern,),
            shape=shortened(form),
            requests=self.requests if "request" in names and "request_uri" not in names else {},
            escaped=[name for name in names if name.startswith(("http_", "request", "uri", "args"))],
            integers=[name for name in names if name in _INTEGERS],
            floats=[name for name in names if name in _FLOATS],
            time=(clf if times[0] == "time_local" else stamp)(times[0]) if times else None,
            message="{request} {status}" if {"request", "status"} <= set(names) else "",
            refine=upstreams if any(name.startswith("upstream_") for name in names) else None,
            entities=_entities(names),
        )


_PAIR = re.compile(r', ([a-z/ ]{4,30}): (?:"((?:[^"\\\\]++|\\\\.)*+)"?|([^,]*+))', re.DOTALL)


_USER = re.compile(r'user "([^"]{0,255})"(?: was not found in |: password mismatch)')


def _add_pairs(_meta: MetaData, event: Event) -> None:
    """Add the pairs behind a message: the client, the server, the request, the upstream server, the host. The user
    whom basic authentication refuses is `user`.
    """
    text = event["message"]
    if user := _USER.match(text):
        event["user"] = user[1]
    at = text.find(", client: ")
    while at >= 0 and (found := _PAIR.match(text, at)):
        name, quoted, bare = found.groups()
        event.setdefault(name.replace(" ", "_").replace("/", "_"), bare if quoted is None else quoted)
        at = found.end()


def _add_all(meta: MetaData, event: Event) -> None:
    if "message" in event:
        _add_pairs(meta, event)
    else:
        upstreams(meta, event)


def _entities(names: list[str]) -> dict[str, str | Sequence[str]]:
    known: dict[str, list[str]] = {
        "addresses": [name for name in ("remote_addr", "realip_remote_addr") if name in names],
        "users": [name for name in ("remote_user",) if name in names],
        "domains": [name for name in ("host", "http_host", "server_name") if name in names],
    }
    return {kind: " ".join(each) for kind, each in known.items() if each}


NGINX_ACCESS = _NginxAccess(
    "nginx-access",
    "nginx access logs: combined, with forwarded addresses, or a log_format of one's own",
    REFERENCE,
    shape='192.0.2.7 - - [time] "request" 200 612 …',
    patterns=(
        rf'(?P<remote_addr>[^ ,"]+)(?:, ?(?P<forwarded_for>{ADDRESSES}))? {_REST}',
        rf'"(?P<forwarded_for>[^"]*)" (?P<remote_addr>[^ ]+) {_REST}',
        rf"(?P<forwarded_for>{ADDRESSES}) (?P<remote_addr>[^ -][^ ]*) {_REST}",
        rf'(?P<host>[^ ,"]+) (?P<remote_addr>[^ ,"]+), ?(?P<forwarded_for>{ADDRESSES}) {_REST}',
        rf'(?P<host>[^ ,"]+) "(?P<forwarded_for>[^"]*)" (?P<remote_addr>[^ ]+) {_REST}',
        rf'(?P<host>[^ ,"]+) (?P<forwarded_for>{ADDRESSES}) (?P<remote_addr>[^ -][^ ]*) {_REST}',
    ),
    requests={"request": "request_method request_uri server_protocol"},
    escaped="request http_referer http_user_agent http_x_forwarded_for",
    absent="-",
    integers="status body_bytes_sent",
    floats="request_time",
    tag="nginx.access",
    time=clf("time_local"),
    message="{remote_addr|'-'} {request|'-'} {status|'-'}",
    entities={"addresses": "remote_addr forwarded_for http_x_forwarded_for", "users": "remote_user"},
)

# Upstream values of a request that several upstream servers had are lists, with commas between.
_LIST = r"[^ ,]+(?:, [^ ,]+)*"
_INGRESS = (
    r"(?P<remote_addr>[^ ]+) - (?:\[(?P<the_real_ip>[^\]]*)\] - )?(?P<remote_user>[^ \[]+) "
    rf'\[(?P<time_local>[^\]]+)\] "(?P<request>{QUOTED})" (?P<status>\d\d\d|-) (?P<body_bytes_sent>\d+|-) '
    rf'"(?P<http_referer>{QUOTED})" "(?P<http_user_agent>{QUOTED})" (?P<request_length>\d+) '
    r"(?P<request_time>[0-9.]+) \[(?P<proxy_upstream_name>[^\]]*)\] {alternative}"
    rf"(?P<upstream_addr>{_LIST}) (?P<upstream_response_length>{_LIST}) (?P<upstream_response_time>{_LIST}) "
    rf"(?P<upstream_status>{_LIST})(?: (?P<req_id>[^ ]*+)(?P<more>.+)?)?"
)
_ERROR = (
    r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] (?P<pid>\d+)#(?P<tid>\d+): "
    r"(?:\*(?P<connection>\d+) )?(?P<message>.*)"
)
NGINX_INGRESS = Patterns(
    "nginx-ingress",
    "access logs of the NGINX Ingress Controller of Kubernetes, and lines of nginx and the controller among them",
    "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/",
    patterns=(
        _INGRESS.format(alternative=r"\[(?P<proxy_alternative_upstream_name>[^\]]*)\] "),
        _INGRESS.format(alternative=""),
        _ERROR,
        r"(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?) +(?P<thread>\d+) "
        r"(?P<file>[^\] :]+):(?P<line>\d+)\] ?(?P<message>.*)",
    ),
    requests={"request": "request_method request_uri server_protocol"},
    escaped="request http_referer http_user_agent",
    absent="-",
    integers="status body_bytes_sent request_length pid tid connection thread line",
    floats="request_time",
    tag="nginx.ingress",
    time=stamp("time_local", "time"),
    message="{message|request|'-'}",
    refine=_add_all,
    entities={"addresses": "remote_addr the_real_ip client", "users": "remote_user user", "domains": "server host"},
)
NGINX_ERROR = Regex(
    "nginx-error",
    "nginx error logs: level, process and message; also client, server, request and host of a message",
    "https://nginx.org/en/docs/ngx_core_module.html#error_log",
    chain=({"multiline": {"start": r"\d{4}/\d\d/\d\d "}}, "nginx-error"),
    pattern=_ERROR,
    integers="pid tid connection",
    tag="nginx.error",
    time=stamp("time"),
    message="{message}",
    refine=_add_pairs,
    entities={"addresses": "client", "users": "user", "domains": "server host"},
)
