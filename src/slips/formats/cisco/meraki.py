"""Logs of Cisco Meraki: flows, URLs, events, IDS alerts."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, epoch, iso

MERAKI = KeyValue(
    "meraki",
    "Cisco Meraki syslog: flows, urls, events, security events",
    "https://documentation.meraki.com/General_Administration/Monitoring_and_Reporting/Syslog_Event_Types_and_Log_Samples",
    head=r"(?:<(?P<priority>\d{1,3})>1 )?(?P<time>\d{9,11}(?:\.\d{1,9})?) (?P<device>\S+) (?P<kind>\S+) ?",
    time=epoch("time"),
    tag="cisco.meraki.{kind}",
    rest="pattern: request: message:",
    quotes="\"'",
    message="{kind} {type|'-'} {src|client_ip|'-'} => {dst|'-'}",
    integers="priority sport dport translated_port",
    entities={
        "addresses": "src dst client_ip server_ip translated_src_ip",
        "users": "identity user",
        "hosts": "device",
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
