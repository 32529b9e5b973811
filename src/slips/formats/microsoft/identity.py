"""Logs of Microsoft Entra ID in the shapes of diagnostic settings and of Microsoft Graph, told apart by their tags.

The formats `azure-ad-*` read the same logs with the tags of older versions.
"""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

_USERS = "userPrincipalName properties.userPrincipalName servicePrincipalName properties.servicePrincipalName"
_IP = "callerIpAddress ipAddress properties.ipAddress"

AZURE_SIGNIN = Json(
    "azure-signin",
    "Entra ID sign-ins: interactive, non-interactive, service principals, managed identities",
    "https://learn.microsoft.com/en-us/entra/identity/monitoring-health/concept-sign-in-log-activity-details",
    require=any_of(
        *("userPrincipalName", "servicePrincipalId", "appDisplayName", "conditionalAccessStatus", "signInEventTypes"),
        all_of("category", any_of("properties", "operationName")),
    ),
    also_in="properties",
    time=iso("createdDateTime", "time", month_first=True),
    tag="azure.signin.{category|'SignInLogs'}",
    message=(
        "{userPrincipalName|servicePrincipalName|identity|'-'} to "
        "{appDisplayName|resourceDisplayName|operationName|'-'}{' from ' ipAddress|callerIpAddress}"
        "{': ' status.errorCode|resultType}{' ' status.failureReason|resultDescription}"
    ),
    integers="durationMs Level autonomousSystemNumber processingTimeInMilliseconds",
    entities={"addresses": _IP, "users": _USERS},
)

AZURE_AUDIT = Json(
    "azure-audit",
    "Entra ID audit logs: changes of users, groups, applications, policies",
    "https://learn.microsoft.com/en-us/graph/api/resources/directoryaudit",
    require=any_of(
        *("activityDisplayName", "targetResources", "initiatedBy", "loggedByService"),
        all_of("category", any_of("operationName", "operationname", "properties")),
    ),
    also_in="properties",
    time=iso("activityDateTime", "time", month_first=True),
    tag="azure.audit.{category|'AuditLogs'}",
    message=(
        "{activityDisplayName|operationName|operationname|'-'} {result|resultType|'-'} by "
        "{initiatedBy.user.userPrincipalName|initiatedBy.app.displayName|identity|'-'}"
    ),
    integers="durationMs Level autonomousSystemNumber",
    entities={
        "addresses": "initiatedBy.user.ipAddress properties.initiatedBy.user.ipAddress callerIpAddress calleripaddress",
        "users": """initiatedBy.user.userPrincipalName properties.initiatedBy.user.userPrincipalName
            targetResources.userPrincipalName properties.targetResources.userPrincipalName""",
    },
)

AZURE_RISK = Json(
    "azure-risk",
    "Entra ID Protection: risk detections, risky users and service principals",
    "https://learn.microsoft.com/en-us/graph/api/resources/identityprotection-overview",
    require=any_of(
        *("riskEventType", "riskState", "riskLevel", "riskLastUpdatedDateTime"),
        *("properties.riskEventType", "properties.riskState", "properties.riskLevel"),
    ),
    also_in="properties",
    time=iso("detectedDateTime", "riskLastUpdatedDateTime", "activityDateTime", "time", month_first=True),
    tag="azure.risk.{category|'detection'}",
    message=(
        "{riskEventType|riskType|riskDetail|'-'} {riskLevel|'-'} {riskState|'-'} of "
        "{userPrincipalName|servicePrincipalDisplayName|displayName|userDisplayName|'-'} "
        "from {ipAddress|callerIpAddress|'-'}"
    ),
    documents="additionalInfo properties.additionalInfo",
    entities={
        "addresses": _IP,
        "users": f"{_USERS} servicePrincipalDisplayName properties.servicePrincipalDisplayName",
    },
)

# Diagnostic settings write `Name` and `Status` where Microsoft Graph has `displayName` and `status`.
AZURE_PROVISIONING = Json(
    "azure-provisioning",
    "Entra ID provisioning logs",
    "https://learn.microsoft.com/en-us/graph/api/resources/provisioningobjectsummary",
    require=any_of(
        *(
            "provisioningAction",
            "provisioningSteps",
            "sourceIdentity",
            "targetIdentity",
            "jobId",
            "provisioningStatusInfo",
        ),
        *("properties.provisioningAction", "properties.sourceIdentity", "properties.jobId"),
    ),
    also_in="properties",
    time=iso("activityDateTime", "time", month_first=True),
    tag="azure.provisioning",
    message=(
        "{provisioningAction|action|'provisioning'}"
        "{' ' sourceIdentity.displayName|sourceIdentity.Name|sourceIdentity.id}"
        "{' in ' targetSystem.displayName|targetSystem.Name}"
        "{': ' provisioningStatusInfo.status|provisioningStatusInfo.Status|statusInfo.status|resultType}"
    ),
    integers="durationMs Level durationInMilliseconds",
    entities={
        "addresses": "callerIpAddress",
        "users": """sourceIdentity.displayName targetIdentity.displayName properties.sourceIdentity.displayName
            sourceIdentity.details.userPrincipalName properties.sourceIdentity.details.UserPrincipalName""",
    },
)

GRAPH_ACTIVITY = Json(
    "graph-activity",
    "Microsoft Graph activity logs: each request to the API",
    "https://learn.microsoft.com/en-us/graph/microsoft-graph-activity-logs-overview",
    require=any_of(
        all_of("properties.requestUri", any_of("properties.requestMethod", "properties.appId")),
        all_of("RequestUri", any_of("RequestMethod", "AppId")),
    ),
    also_in="properties",
    time=iso("timeGenerated", "TimeGenerated", "time", month_first=True),
    tag="microsoft.graph-activity",
    message=(
        "{responseStatusCode|ResponseStatusCode|'request'}{' ' requestMethod|RequestMethod}"
        "{' ' requestUri|RequestUri}"
        "{' by ' userId|UserId|UserPrincipalObjectID|servicePrincipalId|ServicePrincipalId|appId|AppId}"
        "{' from ' ipAddress|IPAddress}"
    ),
    integers="""responseStatusCode responseSizeBytes ResponseStatusCode ResponseSizeBytes DurationMs durationMs
        Level""",
    entities={
        "addresses": "ipAddress IPAddress callerIpAddress properties.ipAddress",
        "users": "userId UserId UserPrincipalObjectID properties.userId properties.UserPrincipalObjectID",
    },
)
