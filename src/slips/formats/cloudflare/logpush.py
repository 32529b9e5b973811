"""Datasets of Cloudflare Logpush: HTTP requests, firewall events, DNS, audit, Zero Trust, Spectrum, Workers."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

CLOUDFLARE = Json(
    "cloudflare",
    "Cloudflare Logpush, all datasets: HTTP requests, firewall events, DNS, audit logs, Zero Trust",
    "https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/",
    require=any_of(
        "RayID",
        all_of(
            "ClientIP",
            any_of("ClientRequestHost", "EdgeStartTimestamp", "Action", "Application", "ColoCode", "Sitekey"),
        ),
        all_of("QueryName", any_of("ColoCode", "ResponseCode", "Datetime", "RCode")),
        all_of("ActionType", any_of("ActorEmail", "ActorIP", "When", "OwnerID", "ActionTimestamp")),
        all_of(
            "Datetime",
            any_of(
                "Email", "SourceIP", "DeviceID", "PolicyID", "SessionID", "AccountID", "IPSourceAddress", "AttackID"
            ),
        ),
        all_of("ScriptName", any_of("EventTimestampMs", "Outcome")),
        all_of("Event", any_of("ColoCode", "Timestamp", "Application")),
        all_of(
            "Timestamp",
            any_of(
                *("PostureCheckName", "SignatureID", "SinkholeID", "LastKnownGoodColoCode", "CSPDirective", "AlertID"),
                *("DeviceRegistrationID", "DeviceID", "AccountID"),
            ),
        ),
        all_of("Timestamp", "Message", any_of("LocalIP", "RemoteIP")),  # of IPsec
        all_of("EventTimestamp", any_of("EventKind", "TunnelID")),  # of BGP
        all_of("TimestampStart", any_of("EventType", "EventDetails")),  # of Zaraz
        all_of("timestampStartNanos", any_of("rayId", "clientIP", "connectionId")),  # of WebSockets
        all_of("RequestedAt", any_of("AlertID", "Operation", "MessageID")),  # of mails after their delivery
        all_of("SessionID", any_of("SessionStartTime", "SessionEndTime")),
        all_of("FindingTypeID", any_of("DetectedTimestamp", "AssetExternalID", "InstanceID")),
    ),
    time=moment(
        *("EdgeStartTimestamp", "Datetime", "When", "Timestamp", "CreatedAt", "EventTimestampMs", "SessionStartTime"),
        *("DetectedTimestamp", "ActionTimestamp", "RequestedAt", "EventTimestamp", "TimestampStart"),
        "timestampStartNanos",
    ),
    tag="cloudflare.{Kind|ActionType|'logpush'}",
    message=(
        "{EdgeResponseStatus|HTTPStatusCode|Action|ActionType|Decision|ResponseCode|ResolverDecision|RCode"
        "|PostureCheckName|FindingTypeDisplayName|Operation|EventKind|EventType|Verdict|Outcome|Message"
        "|SignatureMessage|FinalDisposition|connectionCloseReason|ProgramType|Transport|FlowProtocol|ToolCallName|SessionID"
        "|Event|Type|Status|Phase|RayID|'record'}"
        "{' ' ClientRequestMethod|HTTPMethod|Method|TestType|QueryTypeName}"
        "{' ' ClientRequestHost|HTTPHost|Host|AppDomain|QueryName|ResourceType|clientRequestHTTPHost|ScriptName"
        "|SNI|URL|HTTPURL|ServerURL|TracerouteDestinationHostname|Subject|TunnelName|AssetDisplayName|DestinationIP|IPDestinationAddress|DestinationAddress"
        "|RemoteIP|ServerAddress|Application}"
        "{ClientRequestURI|ClientRequestPath|clientRequestPath|''}"
        "{' by ' ActorEmail|Email|UserEmail|RequestedBy|Recipient|From}"
        "{' from ' ClientIP|SourceIP|SrcIP|ActorIP|ActorIPAddress|IPAddress|IPSourceAddress|SrcAddr"
        "|SourceAddress|ClientAddress|LocalIP|clientIP|IP}"
    ),
    entities={
        "addresses": """ClientIP SourceIP ActorIP OriginIP DestinationIP IPAddress SourceInternalIP EgressIP SrcAddr
            DestAddr IPSourceAddress IPDestinationAddress ActorIPAddress LocalIP RemoteIP SourceAddress
            DestinationAddress ClientAddress ServerAddress SrcIP DstIP clientIP IP SMTPHeloServerIP
            HTTPClientIPAddress HTTPServerIPAddress TracerouteSourceIPAddress TracerouteDestinationIPAddress
            DeviceIPv4Address DeviceIPv6Address ISPIPv4Address ISPIPv6Address""",
        "users": "ActorEmail Email UserEmail Username RequestedBy Recipient From To",
        "hosts": "DeviceName Hostname",
        "domains": "ClientRequestHost QueryName Host HTTPHost SNI AppDomain clientRequestHTTPHost DomainName",
        "hashes": "Attachments.Md5 Attachments.Sha1 Attachments.Sha256",
    },
)
