"""Logs of Azure Monitor: the activity log, and resource logs of gateways, firewalls, vaults, storage, Kubernetes.

All have the same envelope, one JSON object a record or an array `records` of them, and their own `properties`.
"""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso

_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
"""The name of a user, among the claims of a caller's token."""
_USERS = f"""identity.claims.upn identity.claims.{_UPN} claims.{_UPN} identity.authorization.evidence.principalId caller
    properties.eventProperties.upn"""

_TOKEN_TIMES = " ".join(
    f"{claims}.{name}" for claims in ("identity.claims", "claims") for name in ("iat", "nbf", "exp")
)
"""Times of a caller's token, among whose claims all values are texts."""

AZURE_ACTIVITY = Json(
    "azure-activity",
    "Azure activity log, of diagnostic settings, or of the API",
    "https://learn.microsoft.com/en-us/azure/azure-monitor/platform/activity-log-schema",
    require=any_of(
        all_of("operationName", any_of("resourceId", "category", "correlationId", "tenantId", "callerIpAddress")),
        all_of("operation_name", any_of("resource_id", "event_timestamp", "subscription_id")),
        all_of("operationName", any_of("eventTimestamp", "eventDataId", "subscriptionId")),
    ),
    time=iso("time", "eventTimestamp", "event_timestamp", "submissionTimestamp", month_first=True),
    tag="azure.activity.{category.value|category|'administrative'}",
    message=(
        "{operationName.value|operationName|operation_name.value|operation_name|'operation'}"
        "{' ' resultType|status.value|statusText}{' ' resourceId|resource_id}"
        "{' by ' identity.claims.name|caller|callerIpAddress}"
    ),
    integers=f"durationMs {_TOKEN_TIMES}",
    booleans="properties.isComplianceCheck",
    entities={
        "addresses": "callerIpAddress httpRequest.clientIpAddress identity.claims.ipaddr claims.ipaddr",
        "users": _USERS,
    },
)

AZURE_APPGATEWAY = Json(
    "azure-appgateway",
    "Azure Application Gateway: access, performance and firewall logs",
    "https://learn.microsoft.com/en-us/azure/application-gateway/application-gateway-diagnostics",
    require=any_of(
        all_of("operationName", any_of("properties.clientIP", "properties.clientIp", "properties.instanceId")),
        all_of("properties.ruleSetType", any_of("properties.ruleId", "properties.action")),
        all_of("properties.httpStatus", any_of("properties.httpMethod", "properties.requestUri")),
    ),
    time=iso("timeStamp", "time", "timestamp", month_first=True),
    tag="azure.appgateway.{category|'log'}",
    message=(
        "{properties.httpStatus|properties.action|category|'log'}"
        "{' ' properties.httpMethod|properties.ruleId}{' ' properties.host|properties.hostname}"
        "{properties.requestUri|''}{' from ' properties.clientIP|properties.clientIp}"
    ),
    integers="""properties.serverStatus properties.clientPort properties.upstreamSourcePort properties.healthyHostCount
        properties.unHealthyHostCount""",
    floats="properties.WAFEvaluationTime properties.serverResponseLatency properties.latency",
    booleans="properties.sslEnabled",
    boolean_words="on/off",
    entities={
        "addresses": "properties.clientIP properties.clientIp properties.serverRouted",
        "domains": "properties.host properties.hostname properties.originalHost",
    },
)

_REQUEST = re.compile(
    r"(?P<protocol>[A-Za-z]+)(?: Type=(?P<icmp_type>\d+))? request from (?P<source_ip>[^\s:]+|\[[^\]\s]+\])"
    r"(?::(?P<source_port>\d*))? to (?P<target>[^\s:]*[^\s:.]|\[[^\]\s]+\])(?::(?P<target_port>\d*))?"
    r"(?: was DNAT'ed to (?P<translated_ip>[0-9.]*[0-9])(?::(?P<translated_port>\d+))?)?(?:\.|$)"
)
_PARTS = re.compile(r"(?<!\.)\.++ *+(?=[A-Z][A-Za-z]*(?: [A-Z][a-z]+){0,2}: )")
"""The end of one part of such a text, before the name of the next, as in `Action: Deny. Rule: a rule`."""
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_LENGTH = 4_096
"""Characters of such a text that are taken apart."""


def _read_request(meta: MetaData, event: Event) -> None:
    """Add `request`: addresses, ports, action and rule in the text that the firewall's older categories have."""
    properties = event.get("properties")
    text = properties.get("msg") if properties.__class__ is dict else None
    if text.__class__ is not str:
        return
    meta.message = text.strip()
    if (found := _REQUEST.match(text[:_LENGTH])) is None:
        return
    request: Event = {}
    for name, value in found.groupdict().items():
        if value:
            request[name] = int(value) if name.endswith(("port", "type")) else value.strip("[]")
    target = request.pop("target")
    request["target_ip" if _ADDRESS.fullmatch(target) else "target_name"] = target
    for part in _PARTS.split(f".{text[found.end() : _LENGTH]}"):
        name, colon, value = part.partition(": ")
        if colon:
            request.setdefault(name.lower().replace(" ", "_"), value.rstrip(" ."))
    event["request"] = request


AZURE_FIREWALL = Json(
    "azure-firewall",
    "Azure Firewall: network, application, NAT, DNS and threat intelligence rules",
    "https://learn.microsoft.com/en-us/azure/firewall/monitor-firewall-reference",
    require=all_of(
        any_of("category", "operationName"),
        any_of(
            *("properties.SourceIp", "properties.msg", "properties.DestinationIp", "properties.QueryName"),
            "properties.Fqdn",  # of a name that the firewall could not resolve
        ),
    ),
    time=iso("time", month_first=True),
    tag="azure.firewall.{category|operationName}",
    message=(
        "{properties.msg|properties.Action|properties.Error|'-'} {properties.SourceIp|'-'} => "
        "{properties.Fqdn|properties.DestinationIp|properties.QueryName|'-'}:{properties.DestinationPort|'-'}"
    ),
    integers="properties.SourcePort properties.DestinationPort properties.TranslatedPort properties.ServerPort",
    refine=_read_request,
    entities={
        "addresses": """properties.SourceIp properties.DestinationIp properties.TranslatedIp properties.ServerIp
            request.source_ip request.target_ip request.translated_ip""",
        "domains": "properties.Fqdn properties.QueryName request.target_name",
    },
)

AZURE_FRONTDOOR = Json(
    "azure-frontdoor",
    "Azure Front Door and CDN: access logs, health probes, web application firewall",
    "https://learn.microsoft.com/en-us/azure/frontdoor/front-door-diagnostics",
    require=any_of(
        "properties.trackingReference",
        all_of("properties.policy", any_of("properties.action", "properties.ruleName")),
        "properties.healthProbeId",
    ),
    time=iso("time", month_first=True),
    tag="azure.frontdoor.{category|'log'}",
    message=(
        "{properties.httpStatusCode|properties.action|category|'log'}"
        "{' ' properties.httpMethod|properties.httpVerb|properties.ruleName}"
        "{' ' properties.requestUri|properties.probeUrl}"
        "{' from ' properties.clientIp|properties.clientIP|properties.socketIp|properties.pop}"
    ),
    integers="""properties.httpStatusCode properties.requestBytes properties.responseBytes properties.clientPort
        properties.socketPort properties.totalLatencyMilliseconds properties.connectionLatencyMilliseconds
        properties.DNSLatencyMicroseconds""",
    floats="properties.timeTaken properties.timeToFirstByte",
    entities={
        "addresses": """properties.clientIp properties.clientIP properties.socketIp properties.socketIP
            properties.originIp properties.originIP""",
        "domains": "properties.hostName properties.host properties.originName",
    },
)

AZURE_RESOURCE = Json(
    "azure-resource",
    "Azure resource logs of any service in the common schema: Key Vault, Storage, SQL, Kubernetes, …",
    "https://learn.microsoft.com/en-us/azure/azure-monitor/platform/resource-logs-schema",
    require=all_of(any_of("resourceId", "ResourceId"), any_of("category", "operationName", "OperationName")),
    time=iso("time", "timeGenerated", "eventTime", "timeStamp", "EventTimeString", month_first=True),
    tag="azure.resource.{category|operationName|'log'}",
    message=(
        "{operationName|EventName|category|'-'} {resultType|statusText|Status|'-'} {resourceId|ResourceId} "
        "from {callerIpAddress|'-'}"
    ),
    integers=f"durationMs {_TOKEN_TIMES}",
    entities={
        "addresses": "callerIpAddress properties.clientIp properties.client_ip_s CallerIPAddress",
        "users": f"""identity.claim.upn identity.claim.{_UPN} identity.upn identity.claims.upn identity.claims.{_UPN}
            properties.server_principal_name""",
    },
)
