"""Access logs of Envoy, also as Istio writes them."""

from __future__ import annotations

from slips.formats.nginx.log_format import QUOTED
from slips.parsing import Json, Patterns, any_of, iso

_ADDRESSES = "downstream_remote_address x_forwarded_for upstream_host"
_FRONT = (
    rf'(?:ACCESS )?\[(?P<start_time>[^\]]+)\] "(?P<request>{QUOTED})" (?P<response_code>\d+) (?P<response_flags>[^ ]+) '
)
_REST = (
    r"(?P<bytes_received>\d+) (?P<bytes_sent>\d+) (?P<duration>\d+) (?P<upstream_service_time>\d+|-) "
    rf'"(?P<x_forwarded_for>{QUOTED})" "(?P<user_agent>{QUOTED})" "(?P<request_id>{QUOTED})" '
    rf'"(?P<authority>{QUOTED})" "(?P<upstream_host>{QUOTED})"'
    r"(?: (?P<upstream_cluster>[^ ]+) (?P<upstream_local_address>[^ ]+) (?P<downstream_local_address>[^ ]+) "
    r"(?P<downstream_remote_address>[^ ]+) (?P<requested_server_name>[^ ]+)(?: (?P<route_name>[^ ]+))?)?(?P<more>.+)?"
)
ENVOY = Patterns(
    "envoy",
    "Envoy access logs in its default format, and in that of Istio",
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage",
    patterns=(
        _FRONT + _REST,
        rf'{_FRONT}(?P<response_code_details>[^ "]+) (?P<connection_termination_details>[^ "]+) '
        rf'"(?P<upstream_transport_failure_reason>{QUOTED})" {_REST}',
        rf'{_FRONT}"(?P<dynamic_metadata>{QUOTED})" {_REST}',
    ),
    requests={"request": "method path protocol"},
    absent="-",
    integers="response_code bytes_received bytes_sent duration upstream_service_time",
    tag="envoy.access",
    time=iso("start_time"),
    message="{request|'-'} {response_code}",
    entities={"addresses": _ADDRESSES, "domains": "authority"},
)
ENVOY_JSON = Json(
    "envoy-json",
    "Envoy access logs as JSON, with the fields of its default format",
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage",
    tag="envoy.access",
    time=iso("start_time"),
    message="{method|'request'}{' ' path}{' ' response_code}",
    require=any_of("response_code", "upstream_cluster", "response_flags"),
    integers="response_code bytes_received bytes_sent duration upstream_service_time",
    absent="-",
    entities={"addresses": _ADDRESSES, "domains": "authority"},
)
