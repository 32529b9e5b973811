"""Logs of SonicWall firewalls, as their syslog format Default and Enhanced has them."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, all_of, iso

_ENDS = ("src", "dst", "natSrc", "natDst")


def _split_ends(_meta: MetaData, event: Event) -> None:
    """Add the parts of both ends: address, port, interface and, if the firewall resolved it, name."""
    for end in _ENDS:
        text = event.get(end)
        if isinstance(text, str) and text.count(":") <= 3:  # more in an address of IPv6
            for part, value in zip(("ip", "port", "interface", "name"), text.split(":"), strict=False):
                if value:
                    event[f"{end}_{part}"] = int(value) if part == "port" and value.isdecimal() else value


SONICWALL = KeyValue(
    "sonicwall",
    "SonicWall firewalls: connections, drops, threats, logins, with or without a syslog header",
    "https://www.sonicwall.com/techdocs/pdf/sonicos-6-5-4-log-events-reference-guide.pdf",
    chain=("s3-lines", "syslog-any", "sonicwall"),
    escapes="none",
    require=all_of("sn", "m", "pri"),
    time=iso("time"),
    tag="sonicwall.firewall",
    message="{msg|note|m} {src|'-'} => {dst|'-'}",
    integers="pri c gcat m n sent rcvd spkt rpkt cdur app auditId tranxId",
    booleans="dpi",
    boolean_words="1/0",
    refine=_split_ends,
    entities={
        "addresses": "src_ip dst_ip srcV6 dstV6 natSrc_ip natDst_ip fw",
        "users": "usr",
        "hosts": "src_name dst_name",
        "domains": "dstname",
    },
)
