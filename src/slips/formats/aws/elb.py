"""Access logs of AWS's Network and Classic Load Balancers, and connection logs and health check logs of Application
Load Balancers."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Columns, Quoted, iso

# Network Load Balancers log TLS connections, and write times of UTC without a zone.


def _split_alpn(_meta: MetaData, event: Event) -> None:
    """Make a list of the protocols in `alpn_client_preference_list`, which are written as `"h2","http/1.1"`."""
    protocols = event["alpn_client_preference_list"]
    if protocols is not None:
        event["alpn_client_preference_list"] = protocols.strip('"').split('","')


NLB = Quoted(
    "nlb",
    "access logs of Network Load Balancers: their TLS connections",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html",
    tag="aws.nlb",
    time=iso("time"),
    message="{client_ip|'-'}:{client_port|'-'} to {domain_name|destination_ip|'-'} {tls_protocol_version|'-'}",
    columns="""type version time elb listener client_ip:client_port destination_ip:destination_port connection_time
        tls_handshake_time received_bytes sent_bytes incoming_tls_alert chosen_cert_arn chosen_cert_serial tls_cipher
        tls_protocol_version tls_keyexchange domain_name alpn_fe_protocol alpn_be_protocol
        "alpn_client_preference_list" tls_connection_creation_time""",
    optional="alpn_fe_protocol alpn_be_protocol alpn_client_preference_list tls_connection_creation_time",
    escapes="keep",
    absent="-",
    integers="connection_time tls_handshake_time received_bytes sent_bytes incoming_tls_alert",
    refine=_split_alpn,
    entities={"addresses": "client_ip destination_ip", "domains": "domain_name"},
)

# A processing time of -1 means that the load balancer got no response.
ELB_CLASSIC = Quoted(
    "elb-classic",
    "access logs of Classic Load Balancers",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html",
    tag="aws.elb-classic",
    time=iso("time"),
    message="{elb_status_code|'connection'}{' ' request}{' from ' client_ip}",
    columns="""time elb client_ip:client_port backend_ip:backend_port request_processing_time backend_processing_time
        response_processing_time elb_status_code backend_status_code received_bytes sent_bytes "request" "user_agent"
        ssl_cipher ssl_protocol""",
    optional="user_agent ssl_cipher ssl_protocol",
    requests={"request": "request_verb request_url request_proto"},
    escapes="keep",
    absent=("-", "- - - ", "- - -"),  # connections of TCP and SSL have no request, of three parts
    integers="elb_status_code backend_status_code received_bytes sent_bytes",
    floats="request_processing_time backend_processing_time response_processing_time",
    entities={"addresses": "client_ip backend_ip"},
)

ALB_CONNECTION = Quoted(
    "alb-connection",
    "connection logs of Application Load Balancers: TLS handshakes, and why they failed",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html",
    tag="aws.alb-connection",
    time=iso("timestamp"),
    message="{tls_verify_status|'-'} {client_ip|'-'} to port {listener_port|'-'} {tls_protocol|'-'}",
    columns="""timestamp client_ip client_port listener_port tls_protocol tls_cipher tls_handshake_latency
        "leaf_client_cert_subject" leaf_client_cert_validity leaf_client_cert_serial_number tls_verify_status
        conn_trace_id tls_keyexchange elb ip_address""",
    optional="conn_trace_id tls_keyexchange elb ip_address",
    escapes="keep",
    absent="-",
    integers="client_port listener_port",
    floats="tls_handshake_latency",
    entities={"addresses": "client_ip", "users": "leaf_client_cert_subject"},
)

# `target_addr` is an address with a port, or the ARN of a Lambda function.
ALB_HEALTH_CHECK = Columns(
    "alb-health-check",
    "health check logs of Application Load Balancers: which targets passed, and why others failed",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-health-check-logs.html",
    tag="aws.alb-health-check",
    time=iso("time"),
    message="{status|'-'} {target_addr|'-'} {status_code|'-'} {reason_code|'-'}",
    columns="type time latency target_addr target_group_id status status_code reason_code elb ip_address",
    optional="elb ip_address",
    absent="-",
    integers="status_code",
    floats="latency",
    entities={"addresses": "target_addr"},
)
