"""Access logs of Tencent Cloud Object Storage (COS): as it writes them, and as Cloud Log Service ships them."""

from __future__ import annotations

from slips.parsing import Json, Quoted, all_of, iso

REFERENCE = "https://www.tencentcloud.com/document/product/436/16920"
MESSAGE = (
    "{resHttpCode|'request'}{' ' eventName|reqMethod} {bucketName}{reqPath|''} "
    "by {requester|'anonymous'}{' from ' remoteIp}"
)
_INTEGERS = "reqBytesSent deltaDataSize resHttpCode resBytesSent resTotalTime resTurnAroundTime objectSize"

# Fields have the names of the documentation, which announces more behind the last.
TENCENT_COS = Quoted(
    "tencent-cos",
    "access logs of buckets of Tencent Cloud Object Storage (COS), of any age",
    REFERENCE,
    require="eventTime",
    tag="tencent.cos.access",
    time=iso("eventTime"),
    message=MESSAGE,
    columns="""eventVersion bucketName qcsRegion eventTime eventSource eventName remoteIp userSecretKeyId reservedFiled
        reqBytesSent deltaDataSize reqPath reqMethod userAgent resHttpCode resErrorCode resErrorMsg resBytesSent
        resTotalTime logSourceType storageClass accountId resTurnAroundTime requester requestId objectSize versionId
        targetStorageClass referer "requestUri" vpcId""",
    optional="""accountId resTurnAroundTime requester requestId objectSize versionId targetStorageClass referer
        requestUri vpcId""",
    escapes="none",
    requests={"requestUri": "request_method request_path request_protocol"},
    absent=("-", ""),
    integers=_INTEGERS,
    entities={"addresses": "remoteIp", "users": "requester", "domains": "eventSource"},
)
TENCENT_COS_JSON = Json(
    "tencent-cos-json",
    "access logs of buckets of Tencent Cloud Object Storage (COS) as JSON, as Cloud Log Service ships them",
    REFERENCE,
    require=all_of("bucketName", "eventTime", "qcsRegion"),
    tag="tencent.cos.access",
    time=iso("eventTime"),
    message=MESSAGE,
    absent="-",
    integers=_INTEGERS,
    entities={"addresses": "remoteIp", "users": "requester", "domains": "eventSource"},
)
