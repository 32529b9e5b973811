"""Alerts and streamed events of Microsoft Defender."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso


def _paths(names: str) -> str:
    """Return the paths of fields of an alert's evidence, of each alert of an incident, too."""
    return " ".join(f"{place}evidence.{name}" for place in ("", "alerts.") for name in names.split())


DEFENDER_ALERT = Json(
    "defender-alert",
    "Microsoft Defender XDR alerts and incidents, of Microsoft Graph (also its older alerts) or Defender for Endpoint",
    "https://learn.microsoft.com/en-us/graph/api/resources/security-alert",
    require=any_of(
        all_of("title", any_of("providerAlertId", "serviceSource", "detectionSource", "evidence")),
        all_of("title", any_of("alertCreationTime", "machineId", "computerDnsName")),
        all_of("incidentId", any_of("alerts", "incidentName", "severity")),
        all_of("incidentWebUrl", any_of("displayName", "severity", "alerts")),  # an incident of Microsoft Graph
        all_of("AlertDisplayName", any_of("SystemAlertId", "VendorName", "ProductName")),
        all_of("title", any_of("vendorInformation.provider", "vendorinformation.provider")),
    ),
    time=iso(
        *("createdDateTime", "alertCreationTime", "createdTime", "TimeGenerated", "TimeGeneratedUtc", "StartTimeUtc"),
        "createddatetime",
    ),
    tag=(
        "microsoft.defender.{serviceSource|detectionSource|ProductName|vendorInformation.provider"
        "|vendorinformation.provider|'alert'}"
    ),
    message=(
        "{severity|Severity|'-'} {title|incidentName|displayName|AlertDisplayName|'-'}: {description|Description|'-'}"
    ),
    entities={
        "addresses": _paths("ipAddress ipInterfaces lastIpAddress lastExternalIpAddress senderIp")
        + " Entities.Address userStates.logonIp userstates.logonIp",
        "users": _paths(
            """userAccount.userPrincipalName userPrincipalName loggedOnUsers.accountName recipientEmailAddress
            p1Sender.emailAddress p2Sender.emailAddress primaryAddress"""
        )
        + """ relatedUser.userName loggedOnUsers.accountName userStates.userPrincipalName
            userstates.userPrincipalName""",
        "hosts": _paths("deviceDnsName") + " computerDnsName Entities.HostName CompromisedEntity hostStates.fqdn",
        "domains": _paths("url urls"),
        "hashes": _paths(
            """imageFile.sha256 imageFile.sha1 parentProcessImageFile.sha256 parentProcessImageFile.sha1
            fileDetails.sha256 fileDetails.sha1 fileDetails.md5 sha256 sha1"""
        ),
    },
)

DEFENDER_EVENT = Json(
    "defender-event",
    "Microsoft Defender XDR streaming: the tables of advanced hunting",
    "https://learn.microsoft.com/en-us/defender-xdr/streaming-api-storage",
    require=all_of(
        "category",
        any_of("properties.Timestamp", "properties.ReportId", "properties.DeviceId", "properties.ActionType"),
    ),
    time=iso("properties.Timestamp", "time"),
    tag="microsoft.defender.{category}",
    message=(
        "{properties.ActionType|category} "
        "{properties.FileName|properties.ProcessCommandLine|properties.RemoteUrl|properties.Title|properties.Subject"
        "|properties.Url|properties.ObjectName|properties.Application|'-'} "
        "on {properties.DeviceName|properties.AccountUpn|properties.RecipientEmailAddress|properties.AccountDisplayName"
        "|'-'}"
    ),
    entities={
        "addresses": """properties.LocalIP properties.RemoteIP properties.IPAddress properties.PublicIP
            properties.FileOriginIP properties.SenderIPv4 properties.SenderIPv6 properties.IpAddress
            properties.DestinationIPAddress properties.RequestSourceIP""",
        "users": """properties.AccountUpn properties.AccountName properties.InitiatingProcessAccountUpn
            properties.InitiatingProcessAccountName properties.TargetAccountUpn properties.RequestAccountName
            properties.RecipientEmailAddress properties.SenderFromAddress properties.SenderMailFromAddress
            properties.SenderEmailAddress""",
        "hosts": """properties.DeviceName properties.RemoteDeviceName properties.DestinationDeviceName
            properties.TargetDeviceName""",
        "domains": """properties.UrlDomain properties.RemoteUrl properties.SenderFromDomain
            properties.SenderMailFromDomain""",
        "hashes": """properties.SHA256 properties.SHA1 properties.MD5 properties.InitiatingProcessSHA256
            properties.InitiatingProcessSHA1 properties.InitiatingProcessMD5""",
    },
)
