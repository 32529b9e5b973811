"""Events of CrowdStrike's streaming API (Event Streams), and the inventory of its data replicator."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

CROWDSTRIKE_STREAMING = Json(
    "crowdstrike-streaming",
    "CrowdStrike Event Streams: detections, audits of users and of API clients, remote sessions, incidents",
    "https://falcon.crowdstrike.com/documentation/page/d88d9ed6/streaming-api-event-dictionary",
    require=all_of("metadata.eventType", "event"),
    time=moment("metadata.eventCreationTime", "event.UTCTimestamp", "event.timestamp", "event.ProcessStartTime"),
    tag="crowdstrike.{metadata.eventType}",
    message=(
        "{event.Name|event.DetectName|event.OperationName|metadata.eventType} "
        "by {event.UserName|event.UserId|event.SourceAccountName|event.properties.UserName|'-'} "
        "on {event.Hostname|event.HostName|event.ComputerName|event.ServiceName|'-'}"
    ),
    entities={
        "addresses": "event.UserIp event.LocalIP event.AgentIp event.LocalAddress event.RemoteAddress",
        "users": "event.UserName event.UserId event.SourceAccountName event.properties.UserName",
        "hosts": "event.Hostname event.HostName event.ComputerName event.HostnameField event.SourceEndpointHostName",
        "hashes": "event.SHA256String event.SHA1String event.MD5String",
    },
)

CROWDSTRIKE_INVENTORY = Json(
    "crowdstrike-inventory",
    "CrowdStrike data replicator's inventory: aidmaster, managed and unmanaged assets, users, applications",
    "https://github.com/CrowdStrike/FDR",
    require=any_of(
        all_of("aid", any_of("AgentVersion", "MachineDomain", "Version", "ComputerName", "InterfaceAlias", "AppName")),
        all_of("cid", any_of("MAC", "NeighborAddressIP4", "UserSid_readable", "AppVendor", "_time")),
    ),
    time=moment("_time", "Time", "timestamp", "LastLoggedOnTime", "FirstSeen"),
    tag="crowdstrike.inventory",
    message="{ComputerName|UserName|User|MAC|aid|'-'} {Version|AppName|ProductType|'-'}",
    integers="ProductType PointerSize ServicePackMajor",
    floats="_time Time FirstSeen AgentLocalTime AgentTimeOffset",
    entities={
        "addresses": "LocalAddressIP4 CurrentLocalIP NeighborAddressIP4 aip",
        "users": "UserName User",
        "hosts": "ComputerName LastLoggedOnHost",
        "domains": "MachineDomain",
    },
)
