"""Messages of WireGuard in the Linux kernel."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_TIME = r"(?:\[(?:(?P<time>[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} [0-9:]{8} \d{4})|[ 0-9.]+)\] )?"
"""Seconds since the start of the machine, or the time that `dmesg -T` makes of them."""
_HEAD = rf"{_TIME}wireguard: (?P<interface>[^: ]+): "
_ADDRESS = r"(?P<src_ip>[0-9.]+|\[[^\]]+\]):(?P<src_port>\d+)"

WIREGUARD = Patterns(
    "wireguard",
    "WireGuard messages of the Linux kernel, with or without a syslog header",
    "https://www.wireguard.com/quickstart/#debug-info",
    chain=("s3-lines", "syslog-any", "wireguard"),
    tag="linux.wireguard",
    time=stamp("time"),
    message="{message}",
    whole="message",
    patterns=(
        rf"{_HEAD}Packet has unallowed src IP \((?P<inner_ip>[^)]+)\) from peer (?P<peer>\d+) \({_ADDRESS}\)",
        rf"{_HEAD}No peer has allowed IPs matching (?P<inner_ip>[^ ]+)",
        rf"{_HEAD}Invalid (?:handshake [a-z]+|MAC of handshake, dropping packet) from {_ADDRESS}",
        rf"{_HEAD}[A-Za-z ]+(?P<peer>\d+) \({_ADDRESS}\)",
        _HEAD,
        rf"{_TIME}wireguard: (?P<text>.*)",
    ),
    integers="peer src_port",
    entities={"addresses": "src_ip inner_ip"},
)
