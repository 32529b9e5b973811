"""Logs of Cisco Meraki: flows, URLs, events, IDS alerts."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, Patterns, all_of, any_of, epoch, iso, one_of

_HEAD = r"(?:(?:<(?P<syslog_priority>\d{1,3})>)?1 )?(?P<time>\d{9,11}(?:\.\d{1,9})?) (?P<device>[^ ]+) (?P<kind>[^ ]+)"
_PEER = r"local ip (?P<local_ip>[^ ]+) (?:re)?connected from (?P<remote_ip>[^ ]+)"

# Before the pairs stands a word such as `allow` or `ids_alerted`, or none. Many of the kind `events` are texts.
MERAKI = one_of(
    "meraki",
    "Cisco Meraki syslog: flows, urls, events, security events",
    "https://documentation.meraki.com/General_Administration/Monitoring_and_Reporting/Syslog_Event_Types_and_Log_Samples",
    Patterns(
        "meraki.text",
        "events that are texts",
        time=epoch("time"),
        tag="cisco.meraki.{kind}",
        message="{kind} {message}",
        integers="syslog_priority",
        patterns=(
            rf"{_HEAD} type=(?P<type>[a-z_]+) msg= '(?P<message>.*?)'?\Z",
            rf"{_HEAD} (?P<message>(?P<type>[a-z_]+) user id '(?P<user>[^']*)' {_PEER}.*)",
            rf"{_HEAD}(?<= events) (?!type=)(?P<message>[^\n]+)",
        ),
    ),
    KeyValue(
        "meraki.pairs",
        "events that are pairs",
        head=rf"{_HEAD} ?",
        time=epoch("time"),
        tag="cisco.meraki.{kind}",
        rest="pattern: request: message:",
        quotes="\"'",
        message="{kind} {type|'-'} {src|client_ip|ip_src|'-'} => {dst|'-'}",
        integers="syslog_priority priority sport dport translated_port radio vap channel rssi",
        booleans="is_wpa",
        boolean_words="1/0",
    ),
    tag="cisco.meraki.{kind}",
    entities={
        "addresses": """src dst client_ip server_ip original_server_ip translated_src_ip translated_dst_ip ip_src
            local_ip remote_ip""",
        "users": "identity user",
        "hosts": "device",
        "hashes": "sha256",
    },
)

MERAKI_API = Json(
    "meraki-api",
    "Cisco Meraki security events of the dashboard API: intrusions, files that were scanned",
    "https://developer.cisco.com/meraki/api-v1/get-network-appliance-security-events",
    require=all_of("ts", "eventType", any_of("srcIp", "clientMac", "destIp")),
    time=iso("ts"),
    tag="cisco.meraki.{eventType}",
    message="{eventType} {srcIp|'-'} => {destIp|'-'}: {message|canonicalName|'-'}",
    integers="priority classification destinationPort fileSizeBytes",
    entities={"addresses": "srcIp destIp clientIp", "hosts": "clientName", "hashes": "fileHash"},
)

# Answers of the API have several in `events`: for these the chain is `[json-records:events, meraki-events]`.
MERAKI_EVENTS = Json(
    "meraki-events",
    "Cisco Meraki events of networks of the dashboard API: associations, VPN, DHCP, ports, filtered content",
    "https://developer.cisco.com/meraki/api-v1/get-network-events",
    require=all_of("occurredAt", "type", any_of("eventData", "deviceSerial", "clientId", "networkId")),
    time=iso("occurredAt"),
    tag="cisco.meraki.{type}",
    message="{description|type}{' of ' clientDescription|clientMac|clientId}{' at ' deviceName|deviceSerial}",
    integers="eventData.radio eventData.vap eventData.channel eventData.rssi",
    booleans="eventData.is_wpa",
    boolean_words="1/0",
    entities={
        "addresses": "eventData.client_ip eventData.ip eventData.src eventData.dst",
        "users": "eventData.identity",
        "hosts": "clientDescription deviceName",
    },
)

MERAKI_CHANGES = Json(
    "meraki-changes",
    "Cisco Meraki changes of the configuration, of the dashboard API",
    "https://developer.cisco.com/meraki/api-v1/get-organization-configuration-changes",
    require=all_of("ts", "page", "label", any_of("adminEmail", "adminName", "adminId", "newValue")),
    time=iso("ts"),
    tag="cisco.meraki.configuration-change",
    message="{label} {page}{' of ' networkName|ssidName}{' by ' adminEmail|adminName}",
    entities={"users": "adminEmail"},
)
