"""Logs of SonicWall firewalls, as their syslog formats Default, Enhanced and ArcSight have them."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, KeyValue, all_of, any_of, iso
from slips.parsing.conversions import boolean_or_text, convert_fields

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
    "SonicWall firewalls: connections, drops, threats, logins, with or without a syslog header; CEF: sonicwall-cef",
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


_CEF_COUNTS = frozenset(
    "cat gcat spt dpt snpt dnpt in out app sid appid catid cnt cn1Label cn2Label cn3Label cdur".split()
)
_CEF_FLAGS = frozenset(["dpi"])
_READ_FLAG = boolean_or_text(("1/0",))


def _read_cef(meta: MetaData, event: Event) -> None:
    """Take the quotes off values, convert numbers, and add the details of the event to the message."""
    for name, value in event.items():
        values = value if isinstance(value, list) else [value]
        if all(each.__class__ is str for each in values):
            bare = [_unquoted(each.strip()) for each in values]
            event[name] = bare if isinstance(value, list) else bare[0]
    convert_fields(event, _CEF_COUNTS)
    convert_fields(event, _CEF_FLAGS, _READ_FLAG)
    details = event.get("msg")
    if details and meta.message is not None:
        meta.message = f"{meta.message}: {details if isinstance(details, str) else details[0]}"


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


# The firewall puts values under keys of labels: translated addresses in `cs1Label` and `cs2Label`, zones in `cs3Label`
# and `cs4Label`, packets in `cn1Label` and `cn2Label`, milliseconds in `cn3Label`. The header of syslog has the time.
SONICWALL_CEF = Cef(
    "sonicwall-cef",
    "SonicWall firewalls in the format ArcSight: CEF, with or without a syslog header",
    SONICWALL.reference,
    vendors="SonicWall SonicWALL Sonicwall",
    require=any_of("gcat", "cnt", "fw_action", "src"),
    tag=SONICWALL.tag,
    message="{name} {src|'-'} => {dst|'-'}",
    refine=_read_cef,
    entities={
        "addresses": "src dst srcV6 dstV6 cs1Label cs2Label dvc",
        "users": "susr suser",
        "hosts": "shost dvchost",
        "domains": "dhost",
    },
)
