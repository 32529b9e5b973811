"""AWS Verified Access: access logs, in an early version of OCSF."""

from __future__ import annotations

from slips.parsing import Json, all_of, moment

VERIFIED_ACCESS = Json(
    "verified-access",
    "access logs of AWS Verified Access",
    "https://docs.aws.amazon.com/verified-access/latest/ug/access-logs-example.html",
    tag="aws.verified-access",
    time=moment("time", "start_time", "ref_time"),
    message="{activity|activity_name|status|'-'} {identity.user.email_addr|actor.user.email_addr|'-'} "
    "{http_request.http_method|'-'} {http_request.url.text|http_request.url.url_string|'-'}",
    require=all_of("class_uid", "metadata"),
    integers="""time start_time end_time activity_id category_uid class_uid severity_id status_id status_code type_uid
        http_response.code src_endpoint.port proxy.port device.type_id http_request.url.port""",
    floats="duration",
    entities={
        "addresses": "src_endpoint.ip device.ip proxy.ip",
        "users": "identity.user.email_addr identity.user.name actor.user.email_addr actor.user.name",
        "domains": "http_request.url.hostname",
    },
)
