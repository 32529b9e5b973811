"""Messages of WireGuard in the Linux kernel."""

from __future__ import annotations

from slips.parsing import Patterns

_HEAD = r"(?:\[ *+[0-9.]++\] )?wireguard: (?P<interface>[^:]+): "

WIREGUARD = Patterns(
    "wireguard",
    "WireGuard messages of the Linux kernel, with or without a syslog header",
    "https://www.wireguard.com/quickstart/#debug-info",
    chain=("s3-lines", "syslog-any", "wireguard"),
    tag="linux.wireguard",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_HEAD}[A-Za-z ]+(?P<peer>\d+) \((?P<src_ip>[0-9.]+|\[[^\]]+\]):(?P<src_port>\d+)\)",
        _HEAD,
    ),
    integers="peer src_port",
    entities={"addresses": "src_ip"},
)
