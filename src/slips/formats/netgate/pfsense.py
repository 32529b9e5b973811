"""The packet filter's log of pfSense and OPNsense: columns that depend on the protocol."""

from __future__ import annotations

from slips.parsing import Patterns

_RULE = (
    r"(?:filterlog(?:\[\d++\])?: )?(?P<rule>\d*+),(?P<sub_rule>[^,]*+),(?P<anchor>[^,]*+),(?P<tracker>[^,]*+),"
    r"(?P<interface>[^,]*+),(?P<reason>[^,]*+),(?P<action>[^,]*+),(?P<direction>[^,]*+),"
)
_V4 = (
    r"(?P<ip_version>4),(?P<tos>[^,]*+),(?P<ecn>[^,]*+),(?P<ttl>\d*+),(?P<id>\d*+),(?P<offset>\d*+),(?P<flags>[^,]*+),"
    r"(?P<protocol_id>\d*+),(?P<protocol>[^,]*+),(?P<length>\d*+),(?P<src>[^,]*+),(?P<dst>[^,]*+)"
)
_V6 = (
    r"(?P<ip_version>6),(?P<class>[^,]*+),(?P<flow_label>[^,]*+),(?P<hop_limit>\d*+),(?P<protocol>[^,]*+),"
    r"(?P<protocol_id>\d*+),(?P<length>\d*+),(?P<src>[^,]*+),(?P<dst>[^,]*+)"
)
_TCP = (
    r",(?P<src_port>\d++),(?P<dst_port>\d++),(?P<data_length>\d++),(?P<tcp_flags>[^,]*+),(?P<sequence>[^,]*+),"
    r"(?P<ack>\d*+),(?P<window>\d*+),(?P<urg>[^,]*+),(?P<options>.*)"
)
_UDP = r",(?P<src_port>\d++),(?P<dst_port>\d++),(?P<data_length>\d++)\Z"

# Behind the addresses of other protocols, such as ICMP, what is there depends on the message: it is `details`.
PFSENSE = Patterns(
    "pfsense",
    "packet filter log of pfSense and OPNsense ('filterlog'), with or without a syslog header",
    "https://docs.netgate.com/pfsense/en/latest/monitoring/logs/raw-filter-format.html",
    chain=("s3-lines", "syslog-any", "pfsense"),
    tag="netgate.pfsense.{action}",
    message="{action} {direction|'-'} {protocol|'-'} {src|'-'}:{src_port|'-'} => {dst|'-'}:{dst_port|'-'}",
    patterns=(
        rf"{_RULE}{_V4}{_TCP}",
        rf"{_RULE}{_V4}{_UDP}",
        rf"{_RULE}{_V6}{_TCP}",
        rf"{_RULE}{_V6}{_UDP}",
        rf"{_RULE}{_V4}(?:,(?P<details>.*))?\Z",
        rf"{_RULE}{_V6}(?:,(?P<details>.*))?\Z",
    ),
    absent="",
    integers="""rule ip_version ttl hop_limit id offset protocol_id length src_port dst_port data_length
        ack window""",
    entities={"addresses": "src dst"},
)
