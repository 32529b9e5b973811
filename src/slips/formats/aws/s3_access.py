"""Amazon S3: server access logs, as text in a bucket, and as JSON in CloudWatch Logs."""

from __future__ import annotations

from slips.parsing import Json, Quoted, all_of, clf, iso

# Fields have the names of AWS's documentation. Keys are percent-encoded, as S3 writes them; quotes
# in values are not escaped.
S3_ACCESS = Quoted(
    "s3-access",
    "server access logs of Amazon S3 buckets, of any age",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html",
    tag="aws.s3-access",
    time=clf("time"),
    message="{http_status|'-'} {operation} {bucket}/{key|''} by {requester|'anonymous'} from {remote_ip|'-'}",
    columns="""bucket_owner bucket [time] remote_ip requester request_id operation key "request_uri" http_status
        error_code bytes_sent object_size total_time turn_around_time "referer" "user_agent" version_id host_id
        signature_version cipher_suite authentication_type host_header tls_version access_point_arn acl_required
        source_region""",
    optional="""version_id host_id signature_version cipher_suite authentication_type host_header tls_version
        access_point_arn acl_required source_region""",
    escapes="none",
    requests={"request_uri": "request_method request_path request_protocol"},
    absent="-",
    integers="http_status bytes_sent object_size total_time turn_around_time",
    entities={"addresses": "remote_ip", "users": "requester", "domains": "host_header"},
)

S3_ACCESS_JSON = Json(
    "s3-access-json",
    "server access logs of Amazon S3 buckets as JSON, as CloudWatch Logs has them",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/sal-cw-log-format.html",
    tag="aws.s3-access",
    time=iso("request_time"),
    message="{http_status|'-'} {operation|'-'} {bucket_name|bucket_arn}/{key_name|''} "
    "by {requester|'anonymous'} from {remote_ip|'-'}",
    require=all_of("bucket_arn", "request_time"),
    entities={"addresses": "remote_ip", "users": "requester", "domains": "host_header"},
)
