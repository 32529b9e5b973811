"""Data of Jamf Protect: alerts, telemetry, unified logs of Macs; threats and traffic that its gateway saw."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

JAMF = Json(
    "jamf",
    "Jamf Protect alerts, telemetry and unified logs, threat events and network traffic",
    "https://learn.jamf.com/en-US/bundle/jamf-protect-documentation/page/Data_Forwarding_to_a_Third_Party_Storage_Solution.html",
    require=any_of(
        all_of("header", any_of("host_info", "subject")),
        "input.match",
        "input.eventType",
        all_of("event.metadata.vendor", any_of("event.eventType", "event.timestamp", "event.receiptTime")),
        all_of("event_type", any_of("process", "host", "metadata")),
    ),
    time=moment(
        *("event.timestamp", "input.match.event.timestamp", "input.timestamp", "header.time_seconds_epoch", "time"),
    ),
    tag="jamf.{service|event.eventType.name|event_type|'event'}",
    message=(
        "{header.event_name|input.match.facts.name|input.eventType|event.eventType.description|event.signatureId.name"
        "|event_type|'-'} on {host_info.host_name|input.host.hostname|event.device.userDeviceName|host.hostname"
        "|event.device.deviceId|'-'}"
    ),
    entities={
        "addresses": """socket_inet.ip_address input.host.ips host.ips event.source.ip event.destination.ip
            event.destination.ips""",
        "users": "subject.user_name subject.effective_user_name event.user.email",
        "hosts": "host_info.host_name input.host.hostname host.hostname event.device.userDeviceName",
        "domains": "event.hostName",
        "hashes": "event.app.sha256 event.app.sha1 identity.cd_hash process.cdhash event.exec.target.cdhash",
    },
)
