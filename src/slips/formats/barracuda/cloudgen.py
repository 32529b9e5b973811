"""Logs of Barracuda CloudGen Firewall: its activity log as text, and what it streams as JSON."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, all_of, any_of, moment, one_of, written

_REFERENCE = "https://campus.barracuda.com/product/cloudgenfirewall/doc/79465001/firewall-activity-log/"


def _activity(name: str, head: str) -> KeyValue:
    return KeyValue(
        name,
        "activity",
        _REFERENCE,
        head=rf" *+{head}(?P<action>[A-Za-z]++): ",
        separator="|",
        quotes="",
        escapes="none",
        require=all_of("type", "srcIP"),
        time=written("%Y %m %d %H:%M:%S %z", ("time", "zone")),
        tag="barracuda.cloudgen",
        message="{action} {proto|'-'} {srcIP}:{srcPort|'-'} => {dstIP|'-'}:{dstPort|'-'} by {rule|'-'}: {info|'-'}",
        absent="",
        integers="srcPort dstPort duration count receivedBytes sentBytes receivedPackets sentPackets",
    )


# A line of the file has its time and zone; behind the header of syslog the name of the unit stands in their place.
BARRACUDA_CLOUDGEN = one_of(
    "barracuda-cloudgen",
    "Barracuda CloudGen Firewall: its activity log, with or without a syslog header",
    _REFERENCE,
    _activity(
        "barracuda-cloudgen.file",
        r"(?P<time>\d{4} \d\d \d\d \d\d:\d\d:\d\d) (?P<level>[A-Za-z]++) ++(?P<zone>[+-]\d\d:\d\d) ++",
    ),
    _activity(
        "barracuda-cloudgen.syslog",
        r"(?:[^ ]*+box_Firewall_Activity: ++)?(?P<level>[A-Za-z]++) ++(?:(?P<unit>[^ :]++) ++)?",
    ),
    tag="barracuda.cloudgen",
    chain=("s3-lines", "syslog-any", "barracuda-cloudgen"),
    entities={"addresses": "srcIP dstIP srcNAT dstNAT", "users": "user", "hosts": "unit"},
)
BARRACUDA_CLOUDGEN_JSON = Json(
    "barracuda-cloudgen-json",
    "Barracuda CloudGen Firewall as JSON, as it streams to collectors: traffic, threats, web requests",
    _REFERENCE,
    require=any_of(
        all_of("action", "fw_rule", any_of("src_ip", "source_ip")),
        all_of("component", "operation", "type", "src_ip"),
    ),
    time=moment("timestamp"),
    tag="barracuda.cloudgen.{type|'traffic'}",
    message=(
        "{operation|action} {src_ip|source_ip}:{src_port|source_port|'-'} => "
        "{dst_ip|destination_ip|'-'}:{dst_port|destination_port|port|'-'}: {description|name|fw_rule|'-'}"
    ),
    integers="port source_port destination_port status_code threat_severity category",
    entities={
        "addresses": "src_ip dst_ip src_ip_nat dst_ip_nat source_ip destination_ip",
        "users": "user",
        "domains": "domain",
    },
)
