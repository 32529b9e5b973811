"""One-line alerts of Suricata and Snort: `fast.log`, `alert_fast`, and Snort's alerts as JSON."""

from __future__ import annotations

import re
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, Json, Regex, all_of, any_of
from slips.parsing.conversions import integer_or_text
from slips.parsing.meaning import Time

_DATE = re.compile(r"(\d\d|\d{4})/(\d\d)(?:/(\d{4}|\d\d))?-(\d\d:\d\d:\d\d)(\.\d{1,9})?", re.ASCII)
_FRACTION = re.compile(r"\.\d{1,9}$", re.ASCII)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_BEHIND = re.compile(
    r" *(?:\[Classification: (?P<classification>[^\]]*)\] *)?(?:\[Priority: (?P<priority>\d{1,9})\]:? *)?"
    r"(?:\[AppID: (?P<app_id>[^\]]*)\] *)?"
    r"(?:\{(?P<protocol>[^}]{1,40})\}(?: (?P<src_ip>\S+) -> (?P<dst_ip>\S+))?"
    r"|\[\*\*\] \[Raw pkt: (?P<packet>[^\]]*)\](?: \[pcap file packet: (?P<packet_number>\d+)\])?)\s*"
)
"""Snort 3 names the application; packets that are no IP have no addresses, those that cannot be decoded their bytes."""
_OWN = frozenset(("app_id", "packet", "packet_number"))
"""Fields of some lines only."""
_MARKS = (" [Classification: ", " [Priority: ", " {")
"""Beginnings of what stands behind the signature in syslog, where no mark is between."""
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_INTERFACE = re.compile(r" *<([^>]{1,40})> +")
_WITH_PORTS = frozenset(("TCP", "UDP", "SCTP"))


def _moment(value: Any, reference: float, name: str = "time") -> float:
    """Convert `03/01/2026-08:00:00.123456` to epoch seconds. Raises RecordError.

    Snort leaves the year out, or writes its last digits, behind the day or in front: `26/03/01`. In front it is known
    by a number that is no month.
    """
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        first, second, third, clock, fraction = found.groups()
        if third is not None and int(first) > 12:
            year, month, day = first, second, third
        else:
            year, month, day = third, first, second
        if 1 <= int(month) <= 12:
            full = None if year is None else int(year) + (2000 if len(year) == 2 else 0)
            return times.without_year(_MONTHS[int(month) - 1], int(day), clock, reference, full) + float(fraction or 0)
    raise RecordError(f"{name!r} is {value!r:.60}; expected a time such as '03/01/2026-08:00:00.123456'")


def _cut(alert: str, has_mark: bool) -> tuple[str, str]:
    """Cut an alert into its signature and what stands behind it."""
    if has_mark:
        signature, mark, behind = alert.partition(" [**]")
        return signature, behind if mark else "-"
    at = next((at for mark in _MARKS if (at := alert.rfind(mark)) >= 0), len(alert))
    return alert[:at], alert[at:]


def _cut_address(event: Event, side: str) -> str | None:
    """Take the port off an address, and return it. Suricata writes one, or type and code of ICMP, for any protocol;
    an address of IPv6 has colons itself, which Suricata writes all."""
    address, colon, port = event[f"{side}_ip"].rpartition(":")
    is_apart = event["protocol"] in _WITH_PORTS or address.count(":") in (0, 7)
    if not (colon and is_apart and _PORT.fullmatch(port)):
        return None
    event[f"{side}_ip"] = address
    return str(port)


def _take_apart(meta: MetaData, event: Event) -> None:
    """Cut what is behind the signature. Raises RecordError for a line that is no alert."""
    signature, behind = _cut(event.pop("alert"), event["time"] is not None)
    found = _BEHIND.fullmatch(behind)
    if found is None:
        raise RecordError(f"behind the signature is {behind[:60]!r}; expected '{{TCP}} 192.0.2.1:1 -> 192.0.2.2:2'")
    if interface := _INTERFACE.match(signature):
        event["interface"], signature = interface[1], signature[interface.end() :]
    event["signature"] = signature
    event.update((name, value) for name, value in found.groupdict().items() if value is not None or name not in _OWN)
    if event["classification"] == "(null)":  # the signature has none
        event["classification"] = None
    for name in ("priority", "packet_number"):
        if event.get(name) is not None:
            event[name] = int(event[name])
    meta.message = signature
    if event["src_ip"] is None:
        return
    of_icmp = ("icmp_type", "icmp_code") if "ICMP" in event["protocol"].upper() else None
    for at, side in enumerate(("src", "dst")):
        if port := _cut_address(event, side):
            event[of_icmp[at] if of_icmp else f"{side}_port"] = int(port)
    meta.message = f"{signature} {event['src_ip']} => {event['dst_ip']}"


_OF_PACKET = re.compile(r"(?<![A-Za-z])([A-Za-z]++):\s?(\w+)")
_PROTOCOL = re.compile(r"([A-Z][A-Z0-9-]*) TTL:")
_ENDS = re.compile(r"([0-9a-fA-F.:]+) -> ([0-9a-fA-F.:]+)(?: type:(\w+) len:(\w+))?")


def _take_packet(meta: MetaData, event: Event) -> None:
    """Name the addresses, the ports, the protocol and the fields of the packet, such as `TTL:64` and `Seq: 0x68`.

    Raises RecordError.
    """
    signature = event["signature"].removesuffix(" ").removesuffix("[**]").rstrip()
    if interface := _INTERFACE.match(signature):
        event["interface"], signature = interface[1], signature[interface.end() :]
    event["signature"] = meta.message = signature
    if event["app_id"] is None:
        del event["app_id"]
    lines = (event["packet"] or "").rstrip().split("\n")
    if lines == [""]:  # Snort says nothing of packets that are no IP
        event |= {"packet": None, "src_ip": None, "dst_ip": None, "protocol": None}
        return
    if (ends := _ENDS.match(lines[0])) and ends[3]:
        event["src_mac"], event["dst_mac"], event["eth_type"], event["eth_len"] = ends.groups()
        del lines[0]
        ends = _ENDS.match(lines[0]) if lines else None
    if ends is None:
        raise RecordError(f"behind the time is {lines[:1]!r:.60}; expected '192.0.2.1:1 -> 192.0.2.2:2'")
    event["src_ip"], event["dst_ip"] = ends.groups()[:2]
    event["packet"] = "\n".join(lines[1:])
    found = _PROTOCOL.match(event["packet"])
    event["protocol"] = found[1] if found else None
    if found:
        for side in ("src", "dst"):
            if port := _cut_address(event, side):
                event[f"{side}_port"] = int(port)
    for name, value in _OF_PACKET.findall(event["packet"]):
        event.setdefault(name.lower(), integer_or_text(value))
    meta.message = f"{signature} {event['src_ip']} => {event['dst_ip']}"


SURICATA_FAST = Regex(
    "suricata-fast",
    "Suricata fast.log, Snort alert_fast and alert_syslog: an alert a line, with or without a syslog header",
    "https://docs.suricata.io/en/latest/configuration/suricata-yaml.html#line-based-alerts-log-fast-log",
    chain=("s3-lines", "syslog-any", "suricata-fast"),
    time=Time((("time",),), _moment, dated=True),
    tag="suricata.fast",
    pattern=(
        r"(?:(?P<time>[0-9/]+-[0-9:.]+) +(?:\[(?P<action>[A-Za-z_]+)\] +)?\[\*\*\] +)?"
        r"\[(?P<gid>\d+):(?P<sid>\d+):(?P<rev>\d+)\] (?P<alert>.*)"
    ),
    integers="gid sid rev",
    refine=_take_apart,
    entities={"addresses": "src_ip dst_ip"},
)


def _seconds(value: Any, reference: float, name: str = "time") -> float:
    """Convert `seconds` of Snort 3, or a time such as `03/01-08:00:00.123456`, to epoch seconds. Raises RecordError."""
    return times.epoch(value, name) if value.__class__ is int else _moment(value, reference, name)


def _add_fraction(meta: MetaData, event: Event) -> None:
    """Add the fraction of `timestamp` to the time of `seconds`, which has none."""
    if event.get("seconds").__class__ is int and (fraction := _FRACTION.search(str(event.get("timestamp")))):
        meta.timestamp += float(fraction[0])


# `timestamp` has the zone of the sensor, and no year; `seconds`, for whoever chose that field, is exact.
SNORT = Json(
    "snort",
    "Snort 3 alerts as JSON (alert_json)",
    "https://docs.snort.org/start/alert_logging",
    require=all_of(any_of("timestamp", all_of("seconds", "rule")), any_of("msg", "rule", "sid", "action")),
    time=Time((("seconds",), ("timestamp",)), _seconds, dated=True),
    tag="snort.alert",
    message="[{rule|sid|'-'}] {msg|'-'} {src_addr|src_ap|'-'} => {dst_addr|dst_ap|'-'}",
    refine=_add_fraction,
    entities={"addresses": "src_addr dst_addr src_ap dst_ap"},
)

# Snort 3 has a blank behind each comma, Snort 2 one behind the time. Of both the default columns; others are chosen, as
# the last ones by pfSense.
SNORT_CSV = Csv(
    "snort-csv",
    "Snort alerts as CSV (alert_csv), in the default columns of Snort 3 and 2, and in those of pfSense",
    "https://docs.snort.org/start/alert_logging",
    columns="timestamp pkt_num proto pkt_gen pkt_len dir src_ap dst_ap rule action",
    others=(
        "timestamp sig_generator sig_id sig_rev msg proto src srcport dst dstport ethsrc ethdst ethlen tcpflags tcpseq "
        "tcpack tcplen tcpwindow ttl tos id dgmlen iplen icmptype icmpcode icmpid icmpseq",
        "timestamp sig_generator sig_id sig_rev msg proto src srcport dst dstport id classification priority event "
        "disposition",
    ),
    padded=True,
    absent="",
    time=Time((("timestamp",),), _moment, dated=True),
    tag="snort.alert",
    message="[{rule|sig_id|'-'}] {msg|proto|'-'} {src|src_ap|'-'} => {dst|dst_ap|'-'}",
    integers="pkt_num pkt_len sig_generator sig_id sig_rev srcport dstport ttl tos id dgmlen iplen icmptype icmpcode "
    "icmpid icmpseq priority",
    entities={"addresses": "src dst src_ap dst_ap"},
)

# Snort's older form: an alert of some lines, a blank line behind.
SNORT_FULL = Regex(
    "snort-full",
    "Snort alert_full: each alert on several lines, with the fields of its packet",
    "https://docs.snort.org/start/alert_logging",
    chain=({"multiline": {"start": r"\[\*\*\] \["}}, "snort-full"),
    time=Time((("time",),), _moment, dated=True),
    tag="snort.alert",
    pattern=(
        r"\[\*\*\] \[(?P<gid>\d+):(?P<sid>\d+):(?P<rev>\d+)\] (?P<signature>[^\n]*)\n"
        r"(?:(?:\[Classification: (?P<classification>[^\]]*)\] )?(?:\[Priority: (?P<priority>\d+)\] ?)?\n)?"
        r"(?:\[AppID: (?P<app_id>[^\]]*)\] ?\n)?"
        r"(?P<time>[0-9/]+-[0-9:.]+)(?: (?P<packet>.*)|\s*\Z)"
    ),
    integers="gid sid rev priority",
    refine=_take_packet,
    entities={"addresses": "src_ip dst_ip"},
)
