"""Logs of Sophos Firewall (XG, SFOS), as pairs of key and value."""

from __future__ import annotations

from slips.parsing import KeyValue, any_of, stamp

SOPHOS = KeyValue(
    "sophos",
    "Sophos Firewall logs: firewall, IPS, web, antivirus, events, with or without a syslog header",
    "https://docs.sophos.com/nsg/sophos-firewall/21.0/Help/en-us/webhelp/onlinehelp/AdministratorHelp/Logs/TroubleshootingLogs/LogFileDetails/index.html",
    chain=("s3-lines", "syslog-any", "sophos"),
    require=any_of("log_id", "log_type", "log_component"),
    time=stamp("timestamp", ("date", "time", "timezone"), ("date", "time")),
    tag="sophos.firewall.{log_type|'log'}",
    message="{log_subtype|status|'-'} {src_ip|'-'} => {dst_ip|'-'}:{dst_port|'-'} {message|url|'-'}",
    integers="src_port dst_port duration sent_bytes recv_bytes sent_pkts recv_pkts fw_rule_id policy_type",
    entities={
        "addresses": "src_ip dst_ip",
        "users": "user_name user",
        "hosts": "device_name",
        "domains": "domain domainname",
        "hashes": "sha1sum file_hash",
    },
)
