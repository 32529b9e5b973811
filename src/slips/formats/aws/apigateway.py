"""Amazon API Gateway: access logs, in the formats that its documentation gives, and execution logs.

The owner of access logs may choose other fields.
"""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, Json, Patterns, any_of, clf, stamp

_REFERENCE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html"

APIGATEWAY_ACCESS = Json(
    "apigateway-access",
    "access logs of Amazon API Gateway as JSON, of REST, HTTP and WebSocket APIs",
    _REFERENCE,
    tag="aws.apigateway-access",
    time=stamp("requestTimeEpoch", "request_time_epoch", "requestTime", "request_time"),
    message=(
        "{status|status_code|'request'}{' ' httpMethod|http_method|eventType}"
        "{' ' path|resourcePath|resource_path|routeKey}{' from ' ip|sourceIp|client_ip}"
    ),
    require=any_of("requestId", "request_id", "extendedRequestId", "requestTime", "requestTimeEpoch"),
    absent="-",
    integers="""requestTimeEpoch status responseLength responseLatency integrationLatency integrationStatus
        request_time_epoch status_code response_length response_latency integration_latency integration_status
        waf_latency waf_status_code authorizer_latency authorizer_status authorize_status""",
    entities={
        "addresses": "ip sourceIp client_ip identity.sourceIp",
        "users": "user caller user_arn identity.caller",
        "domains": "domainName domain_name",
    },
)

_REQUEST = (
    r'(?P<ip>\S++) (?P<caller>\S++) (?P<user>\S++) \[(?P<requestTime>[^\]]*+)\] ?"(?P<request>[^"]*+)" '
    r"(?P<status>\S++) (?P<responseLength>\S++) (?P<requestId>\S++)"
)


def _split_request(_meta: MetaData, event: Event) -> None:
    """Add the parts of `request`: its method, its route or path, and its protocol."""
    method, _, rest = (event["request"] or "").partition(" ")
    path, blank, protocol = rest.rpartition(" ")
    event |= {
        "httpMethod": method or None,
        "resourcePath": path or rest or None,
        "protocol": protocol if blank else None,
    }


# The format of the example for CloudFormation has the extended ID, in base64, in front.
APIGATEWAY_ACCESS_CLF = Patterns(
    "apigateway-access-clf",
    "access logs of Amazon API Gateway in the common log format",
    _REFERENCE,
    tag="aws.apigateway-access",
    time=clf("requestTime"),
    message="{status|'-'} {request|'-'} from {ip|'-'}",
    patterns=(
        rf"{_REQUEST}(?: (?P<extendedRequestId>\S++))?(?P<more>.+)?",
        rf"(?P<extendedRequestId>[A-Za-z0-9_+/-]++=) {_REQUEST}(?P<more>.+)?",
    ),
    absent="-",
    integers="status responseLength",
    refine=_split_request,
    entities={"addresses": "ip", "users": "user caller"},
)

_CSV = "ip caller user requestTime httpMethod resourcePath protocol status responseLength requestId"
_CSV_OF_HTTP = "ip requestTime httpMethod routeKey protocol status responseLength requestId"

# Lines of HTTP APIs have no caller and user, and a route in place of a resource.
APIGATEWAY_ACCESS_CSV = Csv(
    "apigateway-access-csv",
    "access logs of Amazon API Gateway as CSV",
    _REFERENCE,
    tag="aws.apigateway-access",
    time=clf("requestTime"),
    message="{status|'request'}{' ' httpMethod}{' ' resourcePath|routeKey}{' from ' ip}",
    columns=f"{_CSV} extendedRequestId",
    others=(_CSV, f"{_CSV_OF_HTTP} extendedRequestId", _CSV_OF_HTTP),
    absent="-",
    integers="status responseLength",
    entities={"addresses": "ip", "users": "user caller"},
)

APIGATEWAY_ACCESS_XML = Json(
    "apigateway-access-xml",
    "access logs of Amazon API Gateway as XML",
    _REFERENCE,
    chain=("s3-lines", "xml", "apigateway-access-xml"),
    tag="aws.apigateway-access",
    time=clf("requestTime"),
    message="{status|'request'}{' ' httpMethod}{' ' resourcePath|routeKey}{' from ' ip}",
    require=any_of("@id", "requestTime"),
    absent="-",
    integers="status responseLength",
    entities={"addresses": "ip", "users": "user caller"},
)

# A UUID, or an extended id of 15 characters: no name of a user, with whom cron begins.
_STEP = r"\((?P<requestId>[A-Za-z0-9_+/-]{12,}+=*+)\) "

# Lines have no time but that of CloudWatch Logs: [cloudwatch-logs, apigateway-execution].
APIGATEWAY_EXECUTION = Patterns(
    "apigateway-execution",
    "execution logs of Amazon API Gateway: the steps of each request, of its authorizer and its integration",
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",
    tag="aws.apigateway-execution",
    message="{requestId} {message}",
    patterns=(
        rf"{_STEP}(?P<message>HTTP Method: (?P<httpMethod>[^,]*+), Resource Path: (?P<resourcePath>.*))",
        rf"{_STEP}(?P<message>Received response\. Status: (?P<status>\d++), "
        r"Integration latency: (?P<integrationLatency>\d++) ms.*)",
        rf"{_STEP}(?P<message>Method completed with status: (?P<status>\d++).*)",
        rf"{_STEP}(?P<message>Extended Request Id: (?P<extendedRequestId>[^ ]*).*)",
        rf"{_STEP}(?P<message>Endpoint request URI: (?P<endpointUri>[^ ]*).*)",
        rf"{_STEP}(?P<message>Verifying Usage Plan for request: [^ ]++ API Key: (?P<apiKey>[^ ]*+) ?"
        r"API Stage: (?P<apiStage>.*))",
        rf"{_STEP}(?P<message>.*)",
    ),
    absent="",
    integers="status integrationLatency",
    entities={"domains": "endpointUri"},
)
