"""Datasets of Cloudflare Logpush: HTTP requests, firewall events, DNS, audit, Zero Trust, Spectrum, Workers."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

CLOUDFLARE = Json(
    "cloudflare",
    "Cloudflare Logpush, all datasets: HTTP requests, firewall events, DNS, audit logs, Zero Trust",
    "https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/",
    require=any_of(
        "RayID",
        all_of("ClientIP", any_of("ClientRequestHost", "EdgeStartTimestamp", "Action", "Application", "ColoCode")),
        all_of("QueryName", any_of("ColoCode", "ResponseCode", "Datetime", "RCode")),
        all_of("ActionType", any_of("ActorEmail", "ActorIP", "When", "OwnerID")),
        all_of("Datetime", any_of("Email", "SourceIP", "DeviceID", "PolicyID", "SessionID", "AccountID")),
        all_of("ScriptName", any_of("EventTimestampMs", "Outcome")),
        all_of("Event", any_of("ColoCode", "Timestamp", "Application")),
        all_of(
            "Timestamp",
            any_of(
                *("PostureCheckName", "SignatureID", "SinkholeID", "LastKnownGoodColoCode", "CSPDirective", "AlertID"),
                *("DeviceRegistrationID", "DeviceID", "AccountID"),
            ),
        ),
        all_of("SessionID", any_of("SessionStartTime", "SessionEndTime")),
        all_of("FindingTypeID", any_of("DetectedTimestamp", "AssetExternalID", "InstanceID")),
    ),
    time=moment(
        *("EdgeStartTimestamp", "Datetime", "When", "Timestamp", "CreatedAt", "EventTimestampMs", "SessionStartTime"),
        "DetectedTimestamp",
    ),
    tag="cloudflare.{Kind|ActionType|'logpush'}",
    message=(
        "{EdgeResponseStatus|Action|ActionType|ResponseCode|PostureCheckName|FindingTypeDisplayName|SessionID|'-'} "
        "{ClientRequestMethod|HTTPMethod|'-'} "
        "{ClientRequestHost|HTTPHost|Host|AppDomain|QueryName|ResourceType|'-'}"
        "{ClientRequestURI|ClientRequestPath|''} from {ClientIP|SourceIP|ActorIP|IPAddress|SrcAddr|'-'}"
    ),
    entities={
        "addresses": """ClientIP SourceIP ActorIP OriginIP DestinationIP IPAddress SourceInternalIP EgressIP SrcAddr
            DestAddr IPSourceAddress IPDestinationAddress""",
        "users": "ActorEmail Email UserEmail",
        "hosts": "DeviceName Hostname",
        "domains": "ClientRequestHost QueryName Host HTTPHost SNI AppDomain",
    },
)
