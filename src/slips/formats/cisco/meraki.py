"""Logs of Cisco Meraki: flows, URLs, events, IDS alerts."""

from __future__ import annotations

from slips.parsing import KeyValue, epoch

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
