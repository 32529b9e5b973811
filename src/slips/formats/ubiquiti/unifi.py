"""Messages of UniFi gateways and access points: the firewall, stations of the Wi-Fi, activity in CEF."""

from __future__ import annotations

from slips.format import Event, RecordLimits
from slips.model import MetaData
from slips.parsing import Cef, KeyValue, Patterns, Regex, all_of, any_of, one_of, stamp
from slips.parsing.json_text import load_json

_REFERENCE = "https://help.ui.com/hc/en-us/articles/33349041044119-UniFi-System-Logs-SIEM-Integration"
_MAC = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
_PROCESS = r"(?:: )?(?:(?P<process>[a-z_]+)(?:: [a-z_]+)?(?:\[(?P<pid>\d+)\])?: )?"
"""Access points put their address and version in the place of a process, and the process, often twice, behind it."""


def _packets(prefix: str) -> KeyValue:
    """Declare packets that the kernel logs behind a prefix, as one version writes the names of chain and rule."""
    return KeyValue(
        "unifi.firewall",
        "packets",
        head=rf"(?:\[ *+(?P<uptime>\d++\.\d++)\] ?)?{prefix} ?",
        require=all_of("IN", "SRC"),
        tag="ubiquiti.unifi.firewall",
        message="{chain|prefix|'packet'}{' ' action} {SRC}:{SPT|'-'} => {DST|'-'}:{DPT|'-'} {PROTO|'-'}",
        integers="LEN TTL ID SPT DPT WINDOW URGP TYPE CODE SEQ ACK HOPLIMIT FLOWLBL",
        floats="uptime",
    )


def _read_station(meta: MetaData, event: Event) -> None:
    """Make an object of the JSON of an association, and a message without the rest of a header. Raises RecordError."""
    meta.message = event["message"].removeprefix(": ")
    if "tracker" in event:
        event["tracker"] = load_json(event["tracker"].encode("utf-8", "surrogateescape"), RecordLimits())


UNIFI = one_of(
    "unifi",
    "UniFi gateways and access points: firewall, stations of the Wi-Fi, with or without a syslog header",
    _REFERENCE,
    _packets(r"\[(?P<chain>[A-Za-z0-9_]++)-(?P<action>A|D|R|RET)-(?P<rule>\d++)\]"),
    _packets(r"\[(?P<chain>[A-Za-z0-9_]++)-(?P<rule>[0-9a-z]++)-(?P<action>[A-Z]++)\]"),
    _packets(r"(?:(?P<prefix>\[[^\]=]++\]|[A-Z][A-Z ]++:) ?)?(?=IN=)"),
    KeyValue(
        "unifi.anomalies",
        "stations with a bad connection",
        head=rf"{_PROCESS}(?P<event>wireless_agg_stats\.log_sta_anomalies)\(\): ",
        require="sta",
        tag="ubiquiti.unifi.station",
        message="{sta} on {vap|'-'}: {anomalies|'-'}",
        integers="pid satisfaction_now",
    ),
    Patterns(
        "unifi.station",
        "stations that come and go",
        whole="message",
        tag="ubiquiti.unifi.station",
        message="{message}",
        patterns=(
            rf"{_PROCESS}(?P<vap>[a-z]+[0-9][a-z0-9]*): STA (?P<sta>{_MAC}) (?P<layer>[A-Z]+(?: 802\.1[0-9X]*)?): "
            r"(?P<text>.*)",
            rf"{_PROCESS}wevent\.ubnt_custom_event\(\): (?P<event>EVENT_[A-Z_]+) (?P<vap>[a-z0-9]+): (?P<sta>{_MAC}) / "
            r"(?P<text>.*)",
            rf"{_PROCESS}\[STA-TRACKER\]\.(?P<event>stahtd_dump_event)\(\): (?P<tracker>\{{[^{{}}]*\}})",
        ),
        integers="pid",
        refine=_read_station,
    ),
    Regex(  # also what is cut off, as long messages of UDP are
        "unifi.message",
        "any other",
        whole="message",
        tag="ubiquiti.unifi.message",
        message="{text}",
        pattern=r"(?:: )?(?P<text>.*)",
    ),
    tag="ubiquiti.unifi.{firewall|station|message}",
    chain=("s3-lines", "syslog-any", "unifi"),
    entities={"addresses": "SRC DST"},
)

UNIFI_CEF = Cef(
    "unifi-cef",
    "UniFi activity in CEF, with or without a syslog header: threats, clients, devices, administrators",
    _REFERENCE,
    require=any_of("UNIFIcategory", "UNIFIhost"),
    time=stamp("UNIFIutcTime", "rt", "end", "start", "datetime"),
    integers="spt dpt",
    tag="ubiquiti.unifi.{deviceEventClassId|'event'}",
    message="{msg|name}",
    entities={
        "addresses": "src dst UNIFIclientIp UNIFIdeviceIp",
        "users": "UNIFIadmin suser duser",
        "hosts": "UNIFIhost UNIFIdeviceName UNIFIclientHostname",
    },
)
