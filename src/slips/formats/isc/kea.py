"""Logs of the Kea DHCP servers, 1.x to 3.x, DHCPv4 and DHCPv6."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event, parser
from slips.model import MetaData
from slips.parsing.syslog_lines import read_header

# If Kea logs to syslog, its lines have no time, but perhaps the header of syslog. Behind the event some lines name the
# client, as "[hwtype=1 00:0c:…], cid=[01:…], tid=0x2a: " or "duid=[00:01:…], [no hwaddr info], tid=0x2a: "; some
# versions leave parts out (`Pkt4::makeLabel`, `Pkt6::makeLabel`).
_LINE = re.compile(
    r"(?:(?P<event_datetime>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) )?"
    r"(?P<msg_level>[A-Z]+) +\[(?P<proc>[^\]\s]+)\] (?P<event>[A-Z][A-Z0-9_]+)(?= |$)"
    r"(?: duid=\[(?P<duid>[^\]]*)\],?)?"
    r"(?: \[(?:hwtype=(?P<hwtype>\S+) (?P<hwaddr>[^\]]*)|no hwaddr info)\],?)?"
    r"(?: cid=\[(?P<client_id>[^\]]*)\],?)?"
    r"(?: tid=(?P<tx_id>0x[0-9a-fA-F]+))?"
    r"[:,]? ?(?P<msg>.*)",
    re.DOTALL,
)
# Events whose message names the address that a client uses or is offered. Delegated prefixes are no addresses.
_LEASE_EVENTS = frozenset(
    """
    DHCP4_INIT_REBOOT DHCP4_LEASE_ADVERT DHCP4_LEASE_OFFER DHCP4_LEASE_ALLOC DHCP4_LEASE_REUSE DHCP4_RELEASE
    DHCP6_LEASE_ADVERT DHCP6_LEASE_ALLOC DHCP6_LEASE_RENEW DHCP6_LEASE_REUSE DHCP6_RELEASE_NA
    """.split()
)
_ADDRESS = re.compile(r"\b(?:lease|address) ([0-9a-fA-F.:]*[0-9a-fA-F:])(?=[ ,.]|$)")


@parser(
    "kea",
    summary="Kea DHCP server logs; lease events have the client and its address",
    reference="https://kea.readthedocs.io/en/latest/arm/logging.html",
    takes="text",
    tag="kea.log",
    extends=True,
    entities={"addresses": "ipaddr"},
)
def kea(meta: MetaData, text: str) -> Event:
    """Add the fields that the line has, as texts: `event_datetime`, `msg_level`, `proc`, `event`, `hwtype`, `hwaddr`,
    `client_id` (the DUID for DHCPv6), `tx_id`, `msg` and `ipaddr`.

    The time has no zone and is read as UTC. A line without one may have a header of syslog, whose time counts. Raises
    RecordError for a line that does not begin as Kea's lines do: in a message of several lines, every line but the
    first.
    """
    line = _LINE.match(text) or _behind_header(meta, text)
    if line is None:
        raise RecordError(f"line begins with {text[:40]!r}; expected time, level, [logger] and a message identifier")
    event = {name: value for name, value in line.groupdict().items() if value}
    if "duid" in event:
        event["client_id"] = event.pop("duid")
    message = line["msg"]
    if event["event"] in _LEASE_EVENTS and (address := _ADDRESS.search(message)):
        event["ipaddr"] = address[1]
    if time := line["event_datetime"]:
        meta.timestamp = times.iso(time[:19], "event_datetime") + float(f"0{time[19:]}")
    meta.tag = "kea.log"
    meta.message = message
    return event


def _behind_header(meta: MetaData, text: str) -> re.Match[str] | None:
    """Match the line behind a header of syslog, and set the time to the header's."""
    try:
        header = read_header(text)
    except RecordError:
        return None
    line = _LINE.match(header["message"])
    if line and header["datetime"]:
        meta.timestamp = times.any_notation(header["datetime"], meta.timestamp)
    return line
