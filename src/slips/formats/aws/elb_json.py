"""Logs of AWS's Application and Network Load Balancers as JSON or Parquet, as CloudWatch Logs delivers them.

The owner of a delivery chooses its fields. They have the names of AWS's documentation, `client:port` among them; the
lines that the load balancers write themselves are the formats `alb`, `nlb` and so on.
"""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

_REFERENCE = "https://docs.aws.amazon.com/elasticloadbalancing/latest"

ALB_JSON = Json(
    "alb-json",
    "access logs of Application Load Balancers as JSON or Parquet, as CloudWatch Logs delivers them",
    f"{_REFERENCE}/application/load-balancer-access-logs.html",
    tag="aws.alb",
    time=iso("time"),
    message="{elb_status_code|'-'} {request_line|request|'-'} from {client:port|client_port|'-'}",
    require=all_of(
        any_of("elb_status_code", "request_line"),
        any_of("elb", "target_group_arn", "trace_id", "conn_trace_id", "matched_rule_priority", "target_status_code"),
    ),
    absent="-",
    integers="elb_status_code target_status_code received_bytes sent_bytes matched_rule_priority",
    floats="request_processing_time target_processing_time response_processing_time",
    entities={"addresses": "client:port client_port target:port target_port ip_address", "domains": "domain_name"},
)

NLB_JSON = Json(
    "nlb-json",
    "access logs of Network Load Balancers as JSON or Parquet, as CloudWatch Logs delivers them",
    f"{_REFERENCE}/network/load-balancer-access-logs.html",
    tag="aws.nlb",
    time=iso("time"),
    message="{client:port|client_port|'-'} to {domain_name|destination:port|destination_port|'-'} "
    "{tls_protocol_version|'-'}",
    require=all_of(
        any_of("elb", "listener"),
        any_of("tls_handshake_time", "tls_cipher", "tls_protocol_version", "connection_time", "incoming_tls_alert"),
    ),
    absent="-",
    integers="connection_time tls_handshake_time received_bytes sent_bytes incoming_tls_alert",
    entities={
        "addresses": "client:port client_port destination:port destination_port",
        "domains": "domain_name",
    },
)

ALB_CONNECTION_JSON = Json(
    "alb-connection-json",
    "connection logs of Application Load Balancers as JSON or Parquet, as CloudWatch Logs delivers them",
    f"{_REFERENCE}/application/load-balancer-connection-logs.html",
    tag="aws.alb-connection",
    time=iso("timestamp", "time"),
    message="{tls_verify_status|'-'} {client_ip|'-'} to port {listener_port|'-'} {tls_protocol|'-'}",
    require=any_of("tls_handshake_latency", "tls_verify_status", "leaf_client_cert_subject"),
    absent="-",
    integers="client_port listener_port",
    floats="tls_handshake_latency",
    entities={"addresses": "client_ip", "users": "leaf_client_cert_subject"},
)

ALB_HEALTH_CHECK_JSON = Json(
    "alb-health-check-json",
    "health check logs of Application Load Balancers as JSON or Parquet, as CloudWatch Logs delivers them",
    f"{_REFERENCE}/application/load-balancer-health-check-logs.html",
    tag="aws.alb-health-check",
    time=iso("time"),
    message="{status|'-'} {target_addr|'-'} {status_code|'-'} {reason_code|'-'}",
    require=all_of(any_of("target_addr", "target_group_id"), any_of("status", "status_code", "reason_code")),
    absent="-",
    integers="status_code",
    floats="latency",
    entities={"addresses": "target_addr"},
)
