"""Logs of Zscaler Private Access, as its Log Streaming Service writes them in JSON."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

ZSCALER_ZPA = Json(
    "zscaler-zpa",
    "Zscaler Private Access (LSS) as JSON: user activity and status, app connectors, browser access, audit",
    "https://help.zscaler.com/zpa/about-log-streaming-service",
    require=any_of(
        all_of("LogTimestamp", any_of("Customer", "SessionID", "Connector", "Exporter", "Username")),
        all_of("AuditOperationType", any_of("ObjectType", "ModifiedByUser", "CustomerID")),
    ),
    time=stamp("LogTimestamp", "ModifiedTime", "CreationTime"),
    tag="zscaler.zpa.{AuditOperationType|ConnectionStatus|SessionStatus|'log'}",
    message=(
        "{AuditOperationType|ConnectionStatus|SessionStatus|SessionType|Method|'-'} "
        "{ObjectName|Application|Host|Connector|Platform|'-'} by {ModifiedByUser|User|Username|NameID|'-'} "
        "from {ClientPublicIP|PublicIP|ClientPublicIp|'-'}"
    ),
    integers="HostStartTime HostUpTime ConnectorStartTime ConnectorUpTime",
    booleans="AuditOldValue.enabled AuditNewValue.enabled",
    documents="AuditOldValue AuditNewValue",
    entities={
        "addresses": "ClientPublicIP ClientPrivateIP ConnectorIP ServerIP PublicIP PrivateIP ClientPublicIp",
        "users": "Username NameID ModifiedByUser User",
        "hosts": "Hostname Connector Host",
    },
)
