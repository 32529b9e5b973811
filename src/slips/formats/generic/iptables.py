"""Packets that the Linux kernel logs: iptables, nftables, ufw, firewalld, UniFi, EdgeRouter."""

from __future__ import annotations

from slips.parsing import KeyValue, all_of

IPTABLES = KeyValue(
    "iptables",
    "packets logged by Linux: iptables, nftables, ufw, UniFi gateways, with or without a syslog header",
    "https://www.netfilter.org/documentation/HOWTO/packet-filtering-HOWTO-7.html",
    chain=("s3-lines", "syslog-any", "iptables"),
    head=r"(?:\[ *+(?P<uptime>\d++\.\d++)\] ?)?(?P<prefix>.*?) ?(?=IN=)",
    require=all_of("IN", "SRC"),
    tag="linux.iptables",
    message="{prefix|'-'} {SRC}:{SPT|'-'} => {DST|'-'}:{DPT|'-'} {PROTO|'-'}",
    integers="LEN TTL ID SPT DPT WINDOW URGP TYPE CODE SEQ ACK HOPLIMIT FLOWLBL",
    floats="uptime",
    entities={"addresses": "SRC DST"},
)
