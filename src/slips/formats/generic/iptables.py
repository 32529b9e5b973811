"""Packets that the Linux kernel logs: iptables, nftables, ufw, firewalld, UniFi, EdgeRouter."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, all_of, stamp

_INTEGERS = "LEN TC TTL ID SPT DPT WINDOW URGP TYPE CODE SEQ ACK HOPLIMIT FLOWLBL MTU UID GID"
_PACKET = "[SRC="


def _take_packet(_meta: MetaData, event: Event) -> None:
    """Make an object of the packet that an error of ICMP is about: the kernel writes it in brackets, `[SRC=… ] MTU=…`.

    What stands behind the brackets belongs to the packet with the error. Options of IP or TCP are a word, and their
    bytes in parentheses (`--log-tcp-options`).
    """
    _take_options(event)
    text = event.pop("[SRC", None)
    if text is not None:
        packet, _, further = text.partition("]")
        event["packet"] = _pairs(f"SRC={packet}")
        event |= _pairs(further)


def _take_options(fields: Event) -> None:
    if "OPT" in fields and (octets := next((name for name in fields if name[0] == "(" and name[-1] == ")"), None)):
        del fields[octets]
        fields["OPT"] = octets[1:-1]


def _pairs(text: str) -> Event:
    found: Event = {}
    for word in text.split():
        name, assigned, value = word.partition("=")
        is_number = name in _INTEGERS.split() and value.isascii() and value.isdigit()
        found[name] = int(value) if is_number else value if assigned else True
    _take_options(found)
    return found


IPTABLES = KeyValue(
    "iptables",
    "packets logged by Linux: iptables, nftables, ufw, UniFi gateways, with or without a syslog header",
    "https://www.netfilter.org/documentation/HOWTO/packet-filtering-HOWTO-7.html",
    chain=("s3-lines", "syslog-any", "iptables"),
    # `dmesg -T` writes times in place of seconds since the start.
    head=(
        r"(?:\[ *+(?P<uptime>\d++\.\d++)\] ?"
        r"|\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] ?)?(?P<prefix>.*?) ?(?=IN=)"
    ),
    rest=_PACKET,
    require=all_of("IN", "SRC"),
    tag="linux.iptables",
    time=stamp("time"),
    message="{prefix|'-'} {SRC}:{SPT|'-'} => {DST|'-'}:{DPT|'-'} {PROTO|'-'}",
    integers=_INTEGERS,
    floats="uptime",
    refine=_take_packet,
    entities={"addresses": "SRC DST packet.SRC packet.DST"},
)
