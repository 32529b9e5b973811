"""AWS WAF: requests that a web ACL decided."""

from __future__ import annotations

from typing import Any

from slips.errors import RecordError
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, epoch

DEFAULT_ACTION = Rule(
    "default-action",
    "requests that no rule of the web ACL decided, only its default action",
    when={"terminatingRuleId": "Default_Action"},
)


def _refine(meta: MetaData, event: Event) -> None:
    """Add `message`, one line for people, and `httpRequest.header`: the headers as an object, names as written.

    Headers of one name are joined with `, `, which means the same (RFC 9110, section 5.3). The list `headers` stays.
    Raises RecordError if `httpRequest` or its headers have another shape than AWS documents.
    """
    request = event.get("httpRequest")
    if request.__class__ is not dict:
        raise RecordError(f"'httpRequest' is {request!r:.60}; expected an object")
    header: dict[str, Any] = {}
    repeated: dict[str, list[Any]] = {}
    headers = request.get("headers")
    try:
        for each in headers or ():
            name, value = each["name"], each["value"]
            if name in header:
                repeated.setdefault(name, [header[name]]).append(value)
            else:
                header[name] = value
    except (TypeError, KeyError):
        raise RecordError(
            f"'httpRequest.headers' is {headers!r:.60}; expected a list of objects with name and value"
        ) from None
    for name, values in repeated.items():
        header[name] = ", ".join(map(str, values))
    request["header"] = header
    host = header.get("Host") or header.get("host") or ""
    meta.message = event["message"] = (
        f"{event.get('action') or '-'} {request.get('clientIp') or '-'} {request.get('httpMethod') or '-'} "
        f"{host}{request.get('uri') or '/'} by {event.get('terminatingRuleId') or '-'}"
    )


AWS_WAF = Json(
    "aws-waf",
    "requests that a rule of an AWS WAF web ACL decided",
    "https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html",
    time=epoch("timestamp", unit="ms"),
    tag="aws.waf.log",
    rules=(DEFAULT_ACTION,),
    refine=_refine,
    entities={
        "addresses": "httpRequest.clientIp httpRequest.header.X-Forwarded-For httpRequest.header.x-forwarded-for",
        "domains": "httpRequest.host httpRequest.header.Host httpRequest.header.host",
    },
)
