"""Logs of Azure Active Directory, today Microsoft Entra ID, one JSON object a record.

The formats have three shapes of the same record: that of the reporting API of 2018, that of Microsoft Graph today, and
either within `properties` of an Azure Monitor diagnostic log. They set tag and time, and leave the event unchanged.
"""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

# https://learn.microsoft.com/en-us/azure/azure-monitor/platform/resource-logs-schema, as exports write it
_MONITOR = (
    *("time", "category", "operationName", "operationVersion", "resourceId", "tenantId", "correlationId"),
    *("callerIpAddress", "resultType", "resultSignature", "resultDescription", "durationMs", "identity", "Level"),
    *("level", "location"),
)

AZURE_AD_EVENT = Json(
    "azure-ad-event",
    "sign-ins to Azure AD (Microsoft Entra ID)",
    "https://learn.microsoft.com/en-us/graph/api/resources/signin",
    require=any_of(
        *("createdDateTime", "properties", "signinDateTime", "id", "userPrincipalName", "userDisplayName", "userId"),
        *("appId", "appDisplayName", "appliedConditionalAccessPolicies", "clientAppUsed", "conditionalAccessStatus"),
        "userType",
        *(
            "deviceDetail",
            "deviceInformation",
            "geoCoordinates",
            "ipAddress",
            "isInteractive",
            "isRisky",
            "loginStatus",
        ),
        *("mfaAuthMethod", "mfaRequired", "mfaResult", "resourceDisplayName", "riskDetail", "riskEventTypes"),
        *("riskEventTypes_v2", "riskLevelAggregated", "riskLevelDuringSignIn", "riskState", "signinErrorCode"),
        *("failureReason", "status", *_MONITOR),
    ),
    also_in="properties",
    time=iso("signinDateTime", "createdDateTime", "time", month_first=True),  # the begin: in 2018, and today
    tag="azure_ad.signin_event",
    entities={
        "addresses": "ipAddress callerIpAddress",
        "users": "userPrincipalName",
        "hosts": "deviceDetail.displayName",
    },
)

AZURE_AD_AUDIT = Json(
    "azure-ad-audit",
    "changes to an Azure AD directory (Microsoft Entra ID)",
    "https://learn.microsoft.com/en-us/graph/api/resources/directoryaudit",
    require=any_of(
        *(
            "activityDateTime",
            "properties",
            "activityDate",
            "id",
            "activity",
            "activityDateInMillis",
            "activityDisplayName",
        ),
        *("activityType", "activityOperationType", "activityResultDescription", "activityResultStatus", "actor"),
        *("additionalDetails", "additionalTargets", "initiatedBy", "loggedByService", "operationType", "result"),
        *("resultReason", "targetResources", "targets", "tenantGeo", "userAgent", *_MONITOR),
    ),
    also_in="properties",
    time=iso("activityDate", "activityDateTime", "time", month_first=True),
    tag="azure_ad.audit",
    entities={
        "addresses": "initiatedBy.user.ipAddress callerIpAddress",
        "users": """actor.userPrincipalName initiatedBy.user.userPrincipalName targets.userPrincipalName
            targetResources.userPrincipalName""",
    },
)

AZURE_AD_RISK_EVENT = Json(
    "azure-ad-risk-event",
    "risks that Azure AD Identity Protection detected",
    "https://learn.microsoft.com/en-us/graph/api/resources/riskdetection",
    require=any_of(
        *(
            "detectedDateTime",
            "properties",
            "riskEventDateTime",
            "id",
            "activity",
            "activityDateTime",
            "additionalInfo",
        ),
        *("closedDateTime", "createdDateTime", "deviceInformation", "detectionTimingType", "ipAddress"),
        *("isAtypicalLocation", "lastUpdatedDateTime", "previousIPAddress", "previousLocation", "requestId"),
        *("previousSigninDateTime", "riskDetail", "riskEventStatus", "riskEventType", "riskLevel", "riskState"),
        *("riskType", "source", "tokenIssuerType", "userDisplayName", "userId", "userPrincipalName", *_MONITOR),
    ),
    also_in="properties",
    time=iso("riskEventDateTime", "detectedDateTime", "time", month_first=True),  # whatever other times the event has
    tag="azure_ad.risk_event",
    entities={"addresses": "ipAddress callerIpAddress", "users": "userPrincipalName"},
)
