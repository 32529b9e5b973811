"""Access logs of AWS's Application Load Balancers."""

from __future__ import annotations

from slips.parsing import Quoted, iso

# Fields have the names of AWS's documentation; for those that it has joined, and for the request, the names of the
# table that it creates in Athena. A processing time of -1 means that the load balancer got no response.
ALB = Quoted(
    "alb",
    "access logs of Application Load Balancers, of any age",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
    tag="aws.alb",
    time=iso("time"),
    message="{elb_status_code|'-'} {request|'-'} from {client_ip|'-'}",
    columns="""type time elb client_ip:client_port target_ip:target_port request_processing_time target_processing_time
        response_processing_time elb_status_code target_status_code received_bytes sent_bytes "request" "user_agent"
        ssl_cipher ssl_protocol target_group_arn "trace_id" "domain_name" "chosen_cert_arn" matched_rule_priority
        request_creation_time "actions_executed" "redirect_url" "error_reason" "target_port_list"
        "target_status_code_list" "classification" "classification_reason" conn_trace_id "transformed_host"
        "transformed_uri" "request_transform_status" ip_address""",
    optional="""trace_id domain_name chosen_cert_arn matched_rule_priority request_creation_time actions_executed
        redirect_url error_reason target_port_list target_status_code_list classification classification_reason
        conn_trace_id transformed_host transformed_uri request_transform_status ip_address""",
    requests={"request": "request_verb request_url request_proto"},
    escapes="keep",
    absent="-",
    entities={"addresses": "client_ip target_ip ip_address", "domains": "domain_name"},
    integers="elb_status_code target_status_code received_bytes sent_bytes matched_rule_priority",
    floats="request_processing_time target_processing_time response_processing_time",
)
