"""AWS Verified Access: access logs, in early versions of OCSF."""

from __future__ import annotations

from slips.parsing import Json, all_of, moment

VERIFIED_ACCESS = Json(
    "verified-access",
    "access logs of AWS Verified Access",
    "https://docs.aws.amazon.com/verified-access/latest/ug/ocsfv1-examples.html",
    tag="aws.verified-access",
    time=moment("time", "start_time", "ref_time"),
    message=(
        "{activity|activity_name|status|'request'}"
        "{' ' identity.user.email_addr|actor.user.email_addr|user.email_addr}"
        "{' ' http_request.http_method|data.protocol}"
        "{' ' http_request.url.text|http_request.url.url_string|dst_endpoint.ip}"
    ),
    require=all_of("class_uid", "metadata"),
    integers="""time start_time end_time activity_id category_uid class_uid severity_id status_id status_code type_uid
        http_response.code src_endpoint.port proxy.port device.type_id http_request.url.port""",
    floats="duration",
    entities={
        "addresses": "src_endpoint.ip dst_endpoint.ip device.ip proxy.ip data.context.tcp_flow.destination_ip",
        "users": """identity.user.email_addr identity.user.name actor.user.email_addr actor.user.name user.email_addr
            user.name""",
        "domains": "http_request.url.hostname",
    },
)
