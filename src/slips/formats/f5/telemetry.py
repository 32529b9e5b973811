"""Events and metrics of F5 BIG-IP Telemetry Streaming, as its consumers AWS S3 and HTTP write them."""

from __future__ import annotations

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, stamp


def _read_request_time(meta: MetaData, event: Event) -> None:
    """Read the time of a request log, with a colon between date and clock: `2026-03-01:08:00:00.000Z`."""
    text = event.get("event_timestamp")
    if isinstance(text, str) and text:
        written = f"{text[:10]}T{text[11:]}" if text[10:11] == ":" else text
        meta.timestamp = times.iso(written, "event_timestamp")


F5_TELEMETRY = Json(
    "f5-telemetry",
    "F5 BIG-IP Telemetry Streaming: events of LTM, AFM, APM, ASM, AVR, and of the system",
    "https://clouddocs.f5.com/products/extensions/f5-telemetry-streaming/latest/output-example.html",
    require="telemetryEventCategory",
    time=stamp("f5telemetry_timestamp", "date_time", "EOCTimestamp", "req_start_time", "system.systemTimestamp"),
    tag="f5.telemetry.{telemetryEventCategory}",
    message=(
        "{telemetryEventCategory}{' ' request_status|req_status|Access_Policy_Result|action}"
        "{' ' ip_client|client_ip|src_ip|source_ip}{' ' method|http_method}{' ' uri|http_uri}"
    ),
    integers="""response_code resp_code src_port dest_port source_port violation_rating violate_rate bytes_in bytes_out
        http_status node_port req_elapsed_time translated_source_port translated_dest_port
        EOCTimestamp Microtimestamp AggrInterval HitCount ResponseCode POOLPort ServerHitcount UserSessionsNewTotal
        ClientLatencyHitCount ClientLatencyMax ClientLatencyTotal ServerLatencyMax ServerLatencyMin ServerLatencyTotal
        ThroughputReqMaxPerSec ThroughputReqTotalPerInterval ThroughputRespMaxPerSec ThroughputRespTotalPerInterval""",
    floats="TPSMax",
    booleans="system.configReady system.licenseReady system.provisionReady",
    boolean_words="yes/no",
    absent="N/A",
    refine=_read_request_time,
    entities={
        "addresses": "ip_client client_ip src_ip source_ip dest_ip server_ip node vip management_ip_address",
        "users": "username user",
        "hosts": "hostname system.hostname",
    },
)
