"""The unified audit log of Microsoft 365: Exchange, SharePoint, Teams, Entra ID, of the Management Activity API."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

M365_AUDIT = Json(
    "m365-audit",
    "Microsoft 365 (Office 365) unified audit log, of the Management Activity API",
    "https://learn.microsoft.com/en-us/office/office-365-management-api/office-365-management-activity-api-schema",
    require=any_of("RecordType", "recordtype", "Workload", "workload", "CreationTime", "creationtime"),
    time=iso("CreationTime", "creationtime"),
    tag="microsoft.m365.{Workload|workload|'audit'}",
    message=(
        "{Operation|operation|'operation'}{' ' ResultStatus|resultstatus}{' ' ObjectId|objectid}"
        "{' by ' UserId|userid}{' from ' ClientIP|clientip|ClientIPAddress}"
    ),
    entities={
        "addresses": "ClientIP ClientIPAddress ActorIpAddress clientip SenderIp UserIp",
        "users": "UserId userid MailboxOwnerUPN TargetUserOrGroupName P1Sender P2Sender Recipients",
        "hashes": "AttachmentData.SHA256 FileData.SHA256",
    },
)
